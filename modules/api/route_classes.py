"""Whose routes are whose: everybody's, those of who logged in, those of owners, and those of gradio that nobody needs.

A route that stands in no line is for owners alone, and a test fails for it.
"""

from __future__ import annotations

import re
from typing import Literal

from starlette.routing import compile_path

RouteClass = Literal["public", "user", "owner", "closed"]

_TABLE: dict[RouteClass, str] = {
    "public": """
        GET /internal/ping
        GET,POST /login
        GET /favicon.ico
        GET /robots.txt
    """,
    "user": """
        POST /logout
        GET /api/v1/openapi.json
        GET,POST /api/v1/tokens
        DELETE /api/v1/tokens/{token_id}
        POST /api/v1/inputs
        POST /api/v1/infotexts
        GET /api/v1/jobs
        POST /api/v1/jobs/{kind}
        GET,DELETE /api/v1/jobs/{job_id}
        POST /api/v1/jobs/{job_id}/{wish}
        PUT /api/v1/jobs/{job_id}/priority
        GET /api/v1/jobs/{job_id}/events
        GET /api/v1/events
        WEBSOCKET /api/v1/events/ws
        GET /api/v1/queue
        POST /api/v1/queue/cancel
        POST /api/v1/queue/stop-repeating
        GET /api/v1/pictures
        GET /api/v1/pictures/facets
        GET /api/v1/pictures/outline
        GET /api/v1/pictures/zip
        POST /api/v1/pictures/change
        POST /api/v1/pictures/bin
        POST /api/v1/pictures/restore
        POST /api/v1/pictures/delete
        POST /api/v1/pictures/bin/empty
        GET /api/v1/pictures/{picture_id}
        GET /api/v1/pictures/{picture_id}/parameters
        GET /api/v1/pictures/{picture_id}/file
        GET /api/v1/pictures/{picture_id}/input
        GET /api/v1/pictures/{picture_id}/thumbnail
        POST /api/v1/pictures/{picture_id}/{wish}
        GET /api/v1/result-actions
        POST /api/v1/pictures/{picture_id}/actions/{extension}/{name}
        GET,POST /api/v1/albums
        PATCH,DELETE /api/v1/albums/{album_id}
        POST /api/v1/albums/{album_id}/pictures
        GET /api/v1/models
        POST /api/v1/models/refresh
        GET /api/v1/models/current
        GET /api/v1/models/{kind}/{name:path}
        GET /api/v1/model-previews/{kind}/{name:path}
        POST /api/v1/look-inside/schedule
        POST /api/v1/look-inside/words
        GET /api/v1/look-inside/jobs
        GET /api/v1/look-inside/jobs/{job_id}
        GET /api/v1/look-inside/jobs/{job_id}/{file}
        GET /api/v1/samplers
        GET /api/v1/schedulers
        GET /api/v1/sections
        GET /api/v1/postprocessing
        GET /api/v1/upscalers
        GET /api/v1/styles
        GET /api/v1/wildcards
        GET /api/v1/suggestions
        GET,POST /api/v1/presets
        POST /api/v1/presets/import
        PATCH,DELETE /api/v1/presets/{preset_id}
        GET /api/v1/settings
        GET /api/v1/extensions
        GET /api/v1/machine
        GET /api/v1/machine/licences
        GET,PATCH /api/v1/preferences
        GET /user.css

        POST /sdapi/v1/txt2img
        POST /sdapi/v1/img2img
        POST /sdapi/v1/extra-single-image
        POST /sdapi/v1/extra-batch-images
        POST /sdapi/v1/png-info
        GET /sdapi/v1/progress
        POST /sdapi/v1/interrogate
        POST /sdapi/v1/interrupt
        POST /sdapi/v1/skip
        GET /sdapi/v1/options
        GET /sdapi/v1/samplers
        GET /sdapi/v1/schedulers
        GET /sdapi/v1/upscalers
        GET /sdapi/v1/latent-upscale-modes
        GET /sdapi/v1/sd-models
        GET /sdapi/v1/sd-vae
        GET /sdapi/v1/hypernetworks
        GET /sdapi/v1/face-restorers
        GET /sdapi/v1/realesrgan-models
        GET /sdapi/v1/prompt-styles
        GET /sdapi/v1/embeddings
        GET /sdapi/v1/loras
        GET /sdapi/v1/memory
        GET /sdapi/v1/scripts
        GET /sdapi/v1/script-info
        GET /sdapi/v1/extensions
        POST /sdapi/v1/refresh-checkpoints
        POST /sdapi/v1/refresh-embeddings
        POST /sdapi/v1/refresh-loras
        POST /sdapi/v1/refresh-vae
        POST /internal/progress
        GET /internal/pending-tasks

        GET /
        GET /guide
        GET /guide/{path:path}
        GET /config
        GET /static/{path:path}
        GET /locales/{language}.json
        GET /assets/{path:path}
        GET /page.js
        GET /extension-styles.css
        GET /extension-files/{extension}/{version}/{path:path}
        GET /page_tree.js
        GET /theme.css
        GET /manifest.json
        GET /gradio_api/theme.css
        GET /gradio_api/app_id
        GET /gradio_api/startup-events
        GET /gradio_api/heartbeat/{session_hash}
        GET /gradio_api/login_check
        POST /gradio_api/queue/join
        GET /gradio_api/queue/data
        POST /gradio_api/cancel
        POST /gradio_api/upload
        GET /gradio_api/upload_progress
        GET /gradio_api/file={path_or_url:path}
    """,
    "owner": """
        POST /api/v1/extensions/restart
        PUT,DELETE /api/v1/extensions/{name}
        GET,POST /api/v1/extensions/looks
        POST /api/v1/extensions/looks/zip
        POST /api/v1/extensions/looks/updates
        GET,DELETE /api/v1/extensions/looks/{look_id}
        POST /api/v1/extensions/looks/{look_id}/install
        POST /api/v1/extensions/looks/{look_id}/cancel
        GET /api/v1/extensions/index
        GET /api/v1/extensions/backup
        GET,POST /api/v1/extensions/restore
        POST /api/v1/extensions/restore/cancel
        GET /api/v1/extensions/{name}/previous
        POST /api/v1/extensions/{name}/{wish}
        GET,POST,PUT,PATCH,DELETE /extensions/{extension}/{path:path}
        PUT /api/v1/models/current
        PATCH /api/v1/models/{kind}/{name:path}
        PUT /api/v1/model-previews/{kind}/{name:path}
        GET,POST /api/v1/downloads
        GET /api/v1/downloads/listed
        GET,DELETE /api/v1/downloads/{download_id}
        POST /api/v1/downloads/{download_id}/{wish}
        GET,POST /api/v1/folders
        DELETE /api/v1/folders/{folder_id}
        POST /api/v1/folders/{folder_id}/look
        GET,POST /api/v1/merges
        GET /api/v1/merges/{merge_id}
        POST /api/v1/merges/{merge_id}/cancel
        POST /api/v1/queue/pause
        POST /api/v1/queue/resume
        PATCH /api/v1/settings
        POST /api/v1/machine/measure
        GET,POST /api/v1/webhooks
        DELETE /api/v1/webhooks/{webhook_id}
        POST /api/v1/webhooks/{webhook_id}/test
        POST /sdapi/v1/options
        GET /sdapi/v1/cmd-flags
        POST /sdapi/v1/unload-checkpoint
        POST /sdapi/v1/reload-checkpoint
    """,
    "closed": """
        GET /openapi.json
        POST /login/
        GET /logout
        GET /svelte/{path:path}
        GET /config/
        GET /pwa_icon
        GET /pwa_icon/{size}
        GET /monitoring
        GET /monitoring/{path:path}
        GET /gradio_api/user
        GET /gradio_api/user/
        GET /gradio_api/login_check/
        GET /gradio_api/token
        GET /gradio_api/token/
        GET /gradio_api/app_id/
        GET /gradio_api/deep_link
        GET /gradio_api/dev/reload
        GET /gradio_api/runs
        GET /gradio_api/runs/
        GET /gradio_api/info
        GET /gradio_api/info/
        GET /gradio_api/openapi.json
        GET /gradio_api/custom_component/{path:path}
        GET /gradio_api/proxy={path:path}
        GET,POST /gradio_api/stream/{path:path}
        GET /gradio_api/file/{path:path}
        POST /gradio_api/reset
        POST /gradio_api/reset/
        POST /gradio_api/api/{path:path}
        POST /gradio_api/run/{path:path}
        GET,POST /gradio_api/call/{path:path}
        GET /gradio_api/queue/status
        POST /gradio_api/component_server
        POST /gradio_api/component_server/
        POST /gradio_api/process_recording
        POST /gradio_api/vibe-edit
        POST /gradio_api/vibe-edit/
        POST /gradio_api/undo-vibe-edit
        POST /gradio_api/undo-vibe-edit/
        GET,POST /gradio_api/vibe-code
        GET,POST /gradio_api/vibe-code/
        POST /gradio_api/vibe-starter-queries
        POST /gradio_api/vibe-starter-queries/
    """,
}
_STRICTEST_FIRST: tuple[RouteClass, ...] = ("closed", "owner", "user", "public")


def class_of(method: str, path: str) -> RouteClass | None:
    """The class of what is asked for; None for what stands in no line. HEAD is GET; a WebSocket has "WEBSOCKET".

    Where several lines fit, one without a placeholder counts, and else the strictest.
    """
    method = "GET" if method == "HEAD" else method
    if (named := _NAMED.get((method, path))) is not None:
        return named
    return next((kind for kind, pattern in _PATTERNS.get(method, ()) if pattern.match(path)), None)


def lines_of(kind: RouteClass) -> list[tuple[str, str]]:
    """Method and path of every line of a class."""
    lines = [line.split() for line in _TABLE[kind].splitlines() if line.strip()]
    return [(method, path) for methods, path in lines for method in methods.split(",")]


_NAMED: dict[tuple[str, str], RouteClass] = {
    line: kind for kind in _STRICTEST_FIRST[::-1] for line in lines_of(kind) if "{" not in line[1]
}
_PATTERNS: dict[str, list[tuple[RouteClass, re.Pattern[str]]]] = {}
for _kind in _STRICTEST_FIRST:
    for _method, _path in lines_of(_kind):
        if "{" in _path:
            _PATTERNS.setdefault(_method, []).append((_kind, compile_path(_path)[0]))
