"""What does the demo's configuration say, and how does it declare the made-up providers?"""

from collections.abc import Iterator

ROUNDS = """\
state = "{directory}/state"
socket = "{directory}/control.sock"

[sync]
interval = "daily"

[connections]
"bakery/weather" = {{}}
"""

DEPOT = """\
name = "depot"
title = "Depot, a made-up wholesaler of spare parts"
base_url = "{url}/depot"
private_hosts = ["127.0.0.1"]

[auth]
kind = "api_key"
header = "X-Api-Key"

[streams.parts]
path = "/parts"
records = "items"
primary_key = ["sku"]
paging = {{ kind = "next_url", path = "next" }}

[streams.orders]
path = "/orders"
records = "items"
primary_key = ["number"]
mode = "incremental"
cursor = {{ field = "number", param = "after" }}
paging = {{ kind = "next_url", path = "next" }}
"""

WEATHER = """\
name = "weather"
title = "Weather, made up as well"
base_url = "{url}/weather"
private_hosts = ["127.0.0.1"]

[streams.days]
path = "/days"
records = "days"
primary_key = ["day"]
"""

STOCK = """\
name = "stock"
title = "Stock, a made-up program that knows no API"
base_url = "{url}/stock"
private_hosts = ["127.0.0.1"]

[streams.articles]
path = "/articles.csv"
primary_key = ["Article"]
csv = {{ decimal = "," }}
"""

PULSE = """\
name = "pulse"
title = "Pulse, a made-up health tracker"
base_url = "{url}/pulse"
private_hosts = ["127.0.0.1"]

[auth]
kind = "oauth2"
authorize_url = "{url}/pulse/authorize"
token_url = "{url}/pulse/token"
scopes = ["steps"]
in_doubt = "introspect"
introspect_url = "{url}/pulse/introspect"

[streams.steps]
path = "/days/{{day}}"
records = "steps"
primary_key = ["day", "hour"]
mode = "window"
window = {{ days = 7 }}
"""

TEXTS = {
    "rounds.toml": ROUNDS,
    "providers/depot.toml": DEPOT,
    "providers/weather.toml": WEATHER,
    "providers/stock.toml": STOCK,
    "providers/pulse.toml": PULSE,
}


def texts(directory: str, url: str) -> Iterator[tuple[str, str]]:
    """Each file's name and text, for a demo in that directory with its providers at that URL."""
    for name, text in TEXTS.items():
        yield name, text.format(directory=directory, url=url)
