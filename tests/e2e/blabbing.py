"""A roundsd with a fault planted in it: what fails has every secret of its request in its words."""

from daemon import roundsd
from daemon.exchange import Request, Response
from daemon.transport import Transport


class Blabbing(Transport):
    async def send(self, request: Request) -> Response:
        if "/planted" not in request.url:
            return await super().send(request)
        secrets = {**request.secret_headers, **request.secret_params, **request.secret_form}
        told = {name: each.reveal() for name, each in secrets.items()}
        try:
            raise ValueError(told)
        except ValueError as error:
            raise KeyError(f"{told} of {request.url}") from error


if __name__ == "__main__":
    roundsd.Transport = Blabbing  # type: ignore[misc]
    roundsd.main()
