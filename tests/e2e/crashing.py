"""A roundsd with a fault planted in it: our own code fails whenever it calls the host `planted`."""

from daemon import roundsd
from daemon.exchange import Request, Response
from daemon.transport import Transport


class Faulty(Transport):
    async def send(self, request: Request) -> Response:
        if request.url.startswith("http://planted/"):
            raise ZeroDivisionError(request.url)
        return await super().send(request)


if __name__ == "__main__":
    roundsd.Transport = Faulty  # type: ignore[misc]
    roundsd.main()
