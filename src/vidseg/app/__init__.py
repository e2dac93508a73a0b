"""The live page: a local web application around the same engine that ``vidseg segment`` runs.

Built on Starlette, served by uvicorn with the websockets library (the extra ``app``). The page needs a few routes, a
WebSocket a client and streamed bodies, which is what Starlette is: stable since 1.0, released often (now 1.10), typed
throughout, with one dependency of its own and a test client that needs no server. FastAPI would add validation and
OpenAPI pages that nobody here reads; aiohttp does the same as this pair, but only with its own server and an
event loop in its tests; Flask is synchronous; Gradio and Streamlit own the page. Uploads are raw bodies, so no parser
of multipart forms is needed.

A client is a WebSocket with a `Session`: its upload, one `Job` at a time and its results, in a folder of its own that
goes when the connection ends. A job is a thread that runs `vidseg.stream.segment_to_files` on a `VideoReader`, be it of
an uploaded file, an address or the browser's camera. Files and addresses are decoded in a process of their own
(`vidseg.video.isolation`), so that a video that crashes its decoder ends that job and nothing else. All jobs of one
model, runtime and size share a `Segmenter`; the stream's state is the job's own.
"""

from vidseg.app.config import AppConfig
from vidseg.app.serving import serve

__all__ = ["AppConfig", "serve"]
