"""A running server: an extension is switched on, the server begins anew, and its script paints."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx

from tests.hooks.extension_makers import put_extension, script_code
from tests.program import is_ready, serving, until

RUN = "context.save_grid(context.paint(base)[0].pixels, self.parameters(arguments))"


def test_an_extension_from_switching_on_to_its_picture(tmp_path: Path) -> None:
    put_extension(tmp_path / "extensions", "sea", script_code("Sea", RUN))
    with serving(tmp_path) as (server, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        assert is_ready(server)

        def listed() -> dict[str, Any]:
            try:
                answer: dict[str, Any] = client.get("/api/v1/extensions").json()
            except httpx.TransportError:
                return {"start": before["start"]}
            return answer

        before = client.get("/api/v1/extensions").json()
        assert before["can_be_changed"]
        client.post("/api/v1/queue/pause").raise_for_status()
        waiting = client.post("/api/v1/jobs/txt2img", json={"prompt": "a red house", "steps": 2}).json()["id"]
        client.put("/api/v1/extensions/sea").raise_for_status()
        assert client.post("/api/v1/extensions/restart").status_code == 202
        until(lambda: listed()["start"] != before["start"])

        sea = next(row for row in listed()["extensions"] if row["name"] == "sea")
        assert sea["is_active"] and sea["scripts"] == ["Sea"] and not sea["waits"]
        assert client.get(f"/api/v1/jobs/{waiting}").json()["state"] == "queued"
        wanted = {"prompt": "a red house", "steps": 2, "script_name": "Sea", "width": 64, "height": 64}
        job = client.post("/api/v1/jobs/txt2img", json=wanted).json()["id"]
        client.post("/api/v1/queue/resume").raise_for_status()
        until(lambda: client.get(f"/api/v1/jobs/{job}").json()["state"] in ("done", "failed"))
        done = client.get(f"/api/v1/jobs/{job}").json()
        assert done["state"] == "done" and len(done["pictures"]) == 2, done
        assert client.get(f"/api/v1/jobs/{waiting}").json()["state"] == "done"

        server.send_signal(signal.SIGTERM)  # it is the same process still
        assert server.wait(30) == 0
