"""How does django-oauth-toolkit run in a process of its own, without a project around it?

`python -m tests.oauth.toolkit_server JSON`; the JSON is what `toolkit.serving` was asked for. It
says `{"port": N}` when it listens, moves its clock at each `{"ahead": S}` that it reads, and ends
with its standard input.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import django
import waitress
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

THREADS = 8  # twice what any test sends at once, so that requests meet in the database, not before

APPS = {
    "contenttypes": "django.contrib.contenttypes",
    "auth": "django.contrib.auth",
    "oauth2_provider": "oauth2_provider",
}


def main() -> None:
    wanted = json.loads(sys.argv[1])
    configure(wanted)
    django.setup()
    # Tables straight from the models: the same ones, without two dozen migrations on the way.
    call_command("migrate", run_syncdb=True, verbosity=0)
    populate(wanted)
    listener = socket.create_server(("127.0.0.1", 0))
    server = waitress.create_server(get_wsgi_application(), sockets=[listener], threads=THREADS)
    Thread(target=obey, daemon=True).start()
    say({"port": listener.getsockname()[1]})
    server.run()


def configure(wanted: dict[str, Any]) -> None:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="known to all",
        INSTALLED_APPS=list(APPS.values()),
        MIGRATION_MODULES=dict.fromkeys(APPS),
        ROOT_URLCONF="tests.oauth.toolkit_site",
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",  # says how long an answer is
            "tests.oauth.toolkit_site.logged_in",
        ],
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": wanted["database"],
                # SQLite has no row locks for the toolkit's SELECT FOR UPDATE; a transaction around
                # each request that locks when it begins stands in for them.
                "ATOMIC_REQUESTS": True,
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
            }
        },
        OAUTH2_PROVIDER={
            "SCOPES": {"records": "Read records", "introspection": "Ask about tokens"},
            "DEFAULT_SCOPES": ["records"],
            "ROTATE_REFRESH_TOKEN": True,
            "PKCE_REQUIRED": True,
            "ACCESS_TOKEN_EXPIRE_SECONDS": wanted["access_s"],
            "REFRESH_TOKEN_EXPIRE_SECONDS": wanted["refresh_s"],
            "REFRESH_TOKEN_REUSE_PROTECTION": wanted["reuse_protection"],
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": wanted["grace_s"],
        },
    )


def populate(wanted: dict[str, Any]) -> None:
    # Models can be imported only after `django.setup`.
    from django.contrib.auth import get_user_model
    from oauth2_provider.generators import generate_client_secret
    from oauth2_provider.models import get_application_model

    user = get_user_model().objects.create_user("casey")
    application = get_application_model()
    for each in wanted["applications"]:
        application.objects.create(
            user=user,
            client_id=each["id"],
            # A public client never sees the one that is drawn for it.
            client_secret=each["secret"] or generate_client_secret(),
            hash_client_secret=False,  # a hash made to be slow, at every request
            client_type="public" if each["secret"] is None else "confidential",
            authorization_grant_type=each["grant"].replace("_", "-"),
            redirect_uris=wanted["redirect_uri"],
            skip_authorization=True,
        )


def obey() -> None:
    shift = timedelta()
    for line in sys.stdin:
        order = json.loads(line)
        shift += timedelta(seconds=order["ahead"])
        timezone.now = _later(shift)
        say(order)
    os._exit(0)


def _later(shift: timedelta, now: Callable[[], datetime] = timezone.now) -> Callable[[], datetime]:
    return lambda: now() + shift


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - it is how the tests hear of it


if __name__ == "__main__":
    main()
