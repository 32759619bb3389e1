"""Pictures in and out: Extras, what files say, and pictures that are named by web addresses."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from modules.api.sdapi import image_bodies
from modules.errors import InvalidRequest, UnreadablePicture
from modules.services.build import Services
from tests.api.sdapi.conftest import SMALL, in_base64, opened, picture
from tests.api.sdapi.test_calls import call


def test_extras(client: TestClient) -> None:
    single = {"image": picture(20, 10), "upscaler_1": "Lanczos", "upscaling_resize": 3}
    answer = client.post("/sdapi/v1/extra-single-image", json=single).json()
    assert opened(answer["image"]).size == (60, 30)
    assert "Lanczos" in answer["html_info"]
    to_size = {**single, "resize_mode": 1, "upscaling_resize_w": 32, "upscaling_resize_h": 32}
    assert opened(client.post("/sdapi/v1/extra-single-image", json=to_size).json()["image"]).size == (32, 32)
    several = {"imageList": [{"data": picture(8 * n, 8), "name": "../x"} for n in (1, 2, 3)], "upscaler_1": "Nearest"}
    images = client.post("/sdapi/v1/extra-batch-images", json=several).json()["images"]
    assert [opened(image).width for image in images] == [16, 32, 48]


def test_what_a_file_says(client: TestClient) -> None:
    (image,), info = call(client, **SMALL, prompt="a red, <b>house</b>", negative_prompt="night")
    told = client.post("/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{image}"}).json()
    assert (told["info"], told["items"]) == (info["infotexts"][0], {})
    parameters = told["parameters"]
    assert (parameters["Prompt"], parameters["Negative prompt"]) == ("a red, <b>house</b>", "night")
    assert (parameters["Steps"], parameters["Size-1"], parameters["RNG"]) == ("2", "128", "NV")
    assert (parameters["Clip skip"], parameters["Hires sampler"]) == ("1", "Use same sampler")


def test_other_texts_and_other_formats(idle_client: TestClient) -> None:
    texts = PngInfo()
    texts.add_text("workflow", "{}")
    plain = Image.new("RGB", (8, 8))
    told = idle_client.post("/sdapi/v1/png-info", json={"image": in_base64(plain, pnginfo=texts)}).json()
    assert (told["info"], told["items"]) == ("", {"workflow": "{}"})
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a fish\nSteps: 2, Sampler: Euler, Seed: 4".encode("utf-16-be")
    told = idle_client.post("/sdapi/v1/png-info", json={"image": in_base64(plain, "JPEG", exif=exif)}).json()
    assert (told["parameters"]["Prompt"], told["parameters"]["Seed"]) == ("a fish", "4")


class Server(ThreadingHTTPServer):
    """Answers with a picture, and counts how often it was asked."""

    asked = 0


@pytest.fixture
def listener() -> Iterator[Server]:
    content = base64.b64decode(picture(16, 16))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Server)
            self.server.asked += 1
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/picture")
                self.end_headers()
                return
            self.send_response(200 if self.path == "/picture" else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


LOCAL = (
    "http://127.0.0.1:{port}/picture",
    "HTTP://127.0.0.1:{port}/picture",
    "http://localhost:{port}/picture",
    "http://0.0.0.0:{port}/picture",
    "http://[::1]:{port}/picture",
    "http://[::ffff:127.0.0.1]:{port}/picture",
    "http://2130706433:{port}/picture",
    "http://0x7f.1:{port}/picture",
    "http://0177.0.0.1:{port}/picture",
    "http://127.1:{port}/picture",
    "http://127.0.0.1.:{port}/picture",
    "http://user@127.0.0.1:{port}/picture",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/picture",
    "http://[fe80::1]/picture",
    "https://127.0.0.1:{port}/picture",
    "http://:{port}/picture",
    "http://[/picture",
    "http://a..b/picture",
)


@pytest.mark.parametrize("address", LOCAL)
def test_local_addresses_are_never_asked(still_client: TestClient, listener: Server, address: str) -> None:
    body = {"image": address.format(port=listener.server_port)}
    answer = still_client.post("/sdapi/v1/png-info", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"].endswith("base64.")
    assert listener.asked == 0


def test_an_owner_may_allow_them(idle_services: Services, idle_client: TestClient, listener: Server) -> None:
    address = f"http://127.0.0.1:{listener.server_port}"
    idle_client.post("/sdapi/v1/options", json={"api_forbid_local_requests": False})
    for path in ("picture", "moved"):
        picture_id = image_bodies.stored(idle_services, f"{address}/{path}", "image")
        assert idle_services.inputs.size(picture_id) == (16, 16)
    answer = idle_client.post("/sdapi/v1/png-info", json={"image": f"{address}/nothing"})
    assert "answers with status 404" in answer.json()["errors"]
    asked = listener.asked
    idle_client.post("/sdapi/v1/options", json={"api_enable_requests": False})
    answer = idle_client.post("/sdapi/v1/png-info", json={"image": f"{address}/picture"})
    assert "api_enable_requests forbids" in answer.json()["errors"]
    assert listener.asked == asked


def test_a_large_file_is_not_read_to_its_end(
    idle_services: Services, listener: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle_services.settings.change(api_forbid_local_requests=False)
    monkeypatch.setattr(image_bodies, "MAX_FILE_BYTES", 20)
    with pytest.raises(InvalidRequest, match="is larger than"):
        image_bodies.stored(idle_services, f"http://127.0.0.1:{listener.server_port}/picture", "image")


@pytest.mark.parametrize("text", ["{}", "data:image/png;base64,{}", " {}\n", "DATA:;base64,{}"])
def test_base64_with_and_without_a_data_address(idle_services: Services, text: str) -> None:
    whole = picture(5, 3)
    for content in (whole, whole.rstrip("=")):
        wrapped = "\n".join(content[place : place + 76] for place in range(0, len(content), 76))
        picture_id = image_bodies.stored(idle_services, text.format(wrapped), "image")
        stored = np.asarray(Image.open(idle_services.inputs.file(picture_id)).convert("RGB"))
        assert (stored.shape, tuple(stored[0, 0])) == ((3, 5, 3), (200, 30, 30))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_takes_its_time_is_left(
    idle_services: Services, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Also one that trickles, and so never is silent for long."""
    idle_services.settings.change(api_forbid_local_requests=False)
    monkeypatch.setattr(image_bodies, "FETCHING_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(answer)
                for _ in range(80):
                    connection.sendall(b"X")
                    time.sleep(0.1)

        thread = threading.Thread(target=trickle)
        thread.start()
        began = time.monotonic()
        with pytest.raises(InvalidRequest, match="Send the picture itself"):
            image_bodies.stored(idle_services, f"http://127.0.0.1:{server.getsockname()[1]}/picture", "image")
        assert time.monotonic() - began < 4
        thread.join()


def test_a_small_answer_that_swells_is_not_unpacked(idle_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for as it is; a server that packs it all the same is believed in nothing."""
    idle_services.settings.change(api_forbid_local_requests=False)
    monkeypatch.setattr(image_bodies, "MAX_FILE_BYTES", 1000)
    swelling = gzip.compress(bytes(100_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(swelling)}\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(2**16)
                connection.sendall(head + swelling)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnreadablePicture):
            image_bodies.stored(idle_services, f"http://127.0.0.1:{server.getsockname()[1]}/picture", "image")
        thread.join()
