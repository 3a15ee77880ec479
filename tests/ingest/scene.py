"""A daemon in this process whose port for reports is asked directly, without a socket."""

import json

import trio

from daemon.control import sourcing
from daemon.control.source_messages import SourceName, SourceWish
from daemon.ingest import port
from daemon.provider_file import ProviderFile
from daemon.source_file import Address, IngestSettings
from daemon.stream_file import Stream
from events.sources import Pattern
from events.terms import Caller
from tests.fakes.in_process import EPOCH, InProcess

BY = Caller(uid=0, role="admin")
PHONE, OTHER = "alice/phone-calls", "bob/sms"
HOST = "127.0.0.1:8788"
MOMENT = EPOCH.isoformat()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def document(self):
        return json.loads(self.body)


class Scene(InProcess):
    """No connection; the sources are added by `phone`."""

    names = ()

    def __init__(self):
        super().__init__()
        streams = {"steps": Stream(path="/steps", primary_key=("id",))}
        self.file = ProviderFile(name="health", base_url="https://health.example", streams=streams)

    def open(self, daemon, **settings):
        address = Address("127.0.0.1", 8788)
        return port.application(self.desk(daemon), IngestSettings(**settings), address)

    async def phone(self, daemon, name=PHONE):
        """A new source, and its token."""
        desk = self.desk(daemon)
        await sourcing.add(desk, SourceWish(source=name, pattern=Pattern.ANDROID), BY)
        return (await sourcing.token(desk, SourceName(source=name), BY)).token


def one(key="a", at=MOMENT, **metrics):
    return {"at": at, "key": key, "metrics": metrics}


async def ask(app, token=None, said=None, path="/v1/report", method="POST", chunks=None, **headers):
    """Ask the port; `chunks` are bytes, or seconds to wait between them."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    rest = [body] if chunks is None else list(chunks)
    fields = {"host": HOST, "content-type": "application/json"}
    if token is not None:
        fields["authorization"] = f"Bearer {token}"
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items() if value],
        "state": {},
    }

    async def receive():
        if not isinstance(rest[0], bytes):
            await trio.sleep(rest.pop(0))
        chunk = rest.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(rest)}

    sent = []

    async def send(message):
        await trio.lowlevel.checkpoint()
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(each["body"] for each in bodies))
