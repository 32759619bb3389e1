"""The page to log in on, and its two routes. It needs no script."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from modules.api.content_policy import text_hash
from modules.api.exchange import body_of
from modules.api.sessions import address_of, cookie_name, is_encrypted
from modules.errors import TooManyAttempts
from modules.services.accounts import SESSION_SECONDS, Accounts

MOST_BYTES = 16 * 2**10
_WRONG = "This name and password do not belong together."
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 Inter, ui-sans-serif, system-ui, sans-serif; }
body { min-height: 100vh; margin: 0; display: grid; place-items: center; }
body { background: light-dark(#f0f0f5, #101118); color: light-dark(#191a24, #f0f0f5); }
form { display: grid; gap: 14px; box-sizing: border-box; width: min(360px, 90vw); padding: 28px; border-radius: 14px; }
form { background: light-dark(#fff, #191a24); border: 1px solid light-dark(#e3e3eb, #262734); }
h1 { margin: 0; font-size: 22px; font-weight: 700; }
label { display: grid; gap: 5px; font-size: 13px; font-weight: 600; }
input, button { font: inherit; padding: 10px 12px; border-radius: 8px; }
input { font-size: 15px; font-weight: 400; border: 1px solid light-dark(#cccdd8, #3c3d4e); }
input { background: light-dark(#f8f8fb, #101118); color: inherit; }
input:focus { outline: 2px solid #7f5af0; outline-offset: 1px; }
button { margin-top: 4px; background: #6c44dd; border: 0; color: #fff; font-weight: 600; cursor: pointer; }
button:hover { background: #5934bd; }
[role=alert] { margin: 0; color: light-dark(#b91c1c, #fca5a5); }
"""
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{text_hash(_STYLE)}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # With none at all browsers send forms with the origin "null", which is refused.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Atelier – log in</title>
<style>{style}</style>
</head>
<body>
<form method="post" action="{action}">
<h1>Atelier</h1>
{alert}
<label>Name <input name="name" autocomplete="username" autofocus required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<input type="hidden" name="next" value="{next}">
<button>Log in</button>
</form>
</body>
</html>
"""


def login_routes(accounts: Accounts) -> APIRouter:
    """The routes /login and /logout."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    def page(request: Request, next: str = "/") -> Response:
        """The page."""
        if not accounts.needed:
            return RedirectResponse(_own_path(next, request), 303)
        return _page(request, next)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        """Take name and password, give a cookie; the field `next` says where to go."""
        try:
            form = parse_qs((await body_of(request, MOST_BYTES)).decode(), max_num_fields=8)
        except ValueError:
            return _page(request, "/", _WRONG, 400)
        name, password, following = (form.get(field, [""])[0] for field in ("name", "password", "next"))
        try:
            visitor = await run_in_threadpool(accounts.of_password, name, password, address_of(request))
        except TooManyAttempts as error:
            return _page(request, following, str(error), 429, {"Retry-After": str(error.seconds)})
        if visitor is None:
            return _page(request, following, _WRONG, 401)
        answer = RedirectResponse(_own_path(following, request), 303, {"Cache-Control": "no-store"})
        answer.set_cookie(
            cookie_name(request),
            accounts.begin_session(visitor),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=is_encrypted(request),
        )
        return answer

    @router.post("/logout")
    def log_out(request: Request) -> Response:
        """End the session of this browser."""
        name = cookie_name(request)
        if session := request.cookies.get(name):
            accounts.end_session(session)
        answer = RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)
        answer.delete_cookie(name, httponly=True, samesite="lax", secure=is_encrypted(request))
        return answer

    return router


def _page(
    request: Request, following: str, alert: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    text = _PAGE.format(
        style=_STYLE,
        action=escape(f"{request.scope.get('root_path', '')}/login"),
        alert=f'<p role="alert">{escape(alert)}</p>' if alert else "",
        next=escape(_own_path(following, request)),
    )
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})


def _own_path(text: str, request: Request) -> str:
    """A path of this server; its beginning for anything that a browser might take for another place."""
    if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and len(text) < 2000:
        return text
    return f"{request.scope.get('root_path', '')}/"
