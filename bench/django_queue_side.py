"""The side of django-post-office for `bench/django_queue.py`: queues the mails, delivers them and says what it took.

Given as JSON on the command line: how to reach the database (`dsn`) and the sink (`port`), `messages`, `size` of a mail
in bytes, `processes`, `threads`, and `late`: whether mails are rendered when they are delivered. Needs Django.
"""

import json
import logging
import resource
import sys
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings


def _configure(given: dict[str, Any]) -> None:
    address = urlsplit(given["dsn"])
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    settings.configure(
        SECRET_KEY="bench",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": unquote(address.path.lstrip("/")),
                "USER": unquote(address.username or ""),
                "PASSWORD": unquote(address.password or ""),
                "HOST": asked.pop("host", None) or unquote(address.hostname or ""),
                "PORT": asked.pop("port", None) or str(address.port or ""),
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=given["port"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "NAME": "post_office", "APP_DIRS": True}
        ],
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "THREADS_PER_PROCESS": given["threads"],
            "BATCH_SIZE": given["messages"],
            "BATCH_DELIVERY_TIMEOUT": 600,
            "LOG_LEVEL": 0,
            "TEMPLATE_ENGINE": "post_office",
        },
    )
    django.setup()


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _queue(given: dict[str, Any]) -> None:
    from post_office import mail, models  # noqa: PLC0415 - Django must be configured first

    line = "<p>Wir freuen uns auf dich, {{ name }}, und im Studio wartet ein Platz.</p>\n"
    template = models.EmailTemplate.objects.create(
        name=f"bench-{time.time_ns()}",
        subject="Hallo {{ name }}",
        content="Hallo {{ name }}",
        html_content="<html><body>" + line * max(1, given["size"] // len(line)) + "</body></html>",
    )
    mails = [
        {
            "recipients": f"n{n}@example.org",
            "sender": "info@studio.example",
            "template": template,
            "context": {"name": f"Joerg {n}"},
            "render_on_delivery": given["late"],
        }
        for n in range(given["messages"])
    ]
    for begin in range(0, len(mails), 500):
        mail.send_many(mails[begin : begin + 500])


def main() -> None:
    given = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)
    _configure(given)
    from django.core.management import call_command  # noqa: PLC0415 - Django must be configured first
    from django.db import connections  # noqa: PLC0415
    from post_office import mail, models  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    models.Email.objects.all().delete()
    used, began = _cpu(), time.perf_counter()
    _queue(given)
    mail.send_queued(processes=given["processes"])
    took, used = time.perf_counter() - began, _cpu() - used
    connections.close_all()  # processes that were forked have ended the one of this process
    sent = models.Email.objects.filter(status=models.STATUS.sent).count()
    print(json.dumps({"sent": sent, "seconds": took, "cpu": used}))


if __name__ == "__main__":
    main()
