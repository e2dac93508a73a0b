"""Other web pages cannot drive the server."""

import pytest
from app_pages import ADDRESS, HEADERS
from starlette.websockets import WebSocketDisconnect


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8420", "localhost:8420", "LOCALHOST", "[::1]:8420", "192.168.1.7", "box:80"]
)
def test_addresses_and_known_names_are_let_in(serve, host: str) -> None:
    client = serve(allowed_hosts=("Box",)).client
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8420", "", "[::1", "a b"]
)
def test_a_name_that_points_here_by_itself_is_refused(serve, host: str) -> None:
    answer = serve().client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "expected localhost or an address" in answer.text


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:9", "http://127.0.0.1", "127.0.0.1:8420"]
)
def test_other_origins_open_no_socket_and_upload_nothing(serve, origin: str | None) -> None:
    server = serve()
    headers = {"host": HEADERS["host"]} | ({} if origin is None else {"origin": origin})
    with pytest.raises(WebSocketDisconnect), server.client.websocket_connect("/ws", headers=headers):
        pass
    with server.page() as page:
        answer = server.client.post(page.url("upload"), content=b"x", headers=headers)
        assert answer.status_code == 403
        assert "own page" in answer.text


def test_a_rebound_name_with_its_own_origin_opens_no_socket(serve) -> None:
    headers = {"host": "evil.example", "origin": "http://evil.example"}
    with pytest.raises(WebSocketDisconnect), serve().client.websocket_connect("/ws", headers=headers):
        pass


def test_other_pages_may_link_here_but_fetch_nothing(serve) -> None:
    client = serve().client
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers=foreign).status_code == 200
    assert client.get("/assets/main.js", headers=foreign).status_code == 403
    assert client.get("/assets/main.js", headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/assets/style.css", "/nowhere"])
def test_every_answer_carries_a_policy_that_keeps_the_page_to_itself(serve, path: str) -> None:
    headers = serve().client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "name", ["..%2f__init__.py", "../__init__.py", "%2fetc%2fpasswd", "..%5croutes.py", "main.js%00"]
)
def test_only_the_pages_own_files_are_served(serve, name: str) -> None:
    assert serve().client.get(f"{ADDRESS}/assets/{name}").status_code == 404
