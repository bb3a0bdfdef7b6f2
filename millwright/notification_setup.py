"""What the settings say of telling people, over the adapters: the notifiers that a worker tells of what waits.

A part of the composition roots; it connects nothing and runs nothing.
"""

from collections.abc import Mapping

from millwright.adapters.notification.command import CommandNotifier
from millwright.adapters.notification.webhook import WebhookNotifier
from millwright.ports import Notifier
from millwright.settings import Settings


def notifiers_configured(settings: Settings, environment: Mapping[str, str]) -> tuple[Notifier, ...]:
    """Make the notifiers of the settings; a program gets a few variables of ``environment``, and none of its secrets.

    Raises:
        BadInput: the webhook's address cannot be used as such.
    """
    notifiers: list[Notifier] = []
    if settings.webhook is not None:
        notifiers.append(WebhookNotifier(settings.webhook))
    if settings.notify_command:
        notifiers.append(CommandNotifier(settings.notify_command, environment))
    return tuple(notifiers)
