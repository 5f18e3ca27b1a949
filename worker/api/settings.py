"""The tenant's settings, for superusers: `/api/settings`."""

from typing import Any

from worker.errors import bad_request
from worker.fields import MalformedError
from worker.http.body import FORM_FAILED, JSON_PAYLOAD, json_payload, read_parts
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply
from worker.services import settingsform
from worker.services.settings import TenantSettings
from worker.services.settingschange import list_settings, update_settings

# All settings together are far smaller; larger bodies are refused before anybody looks at them.
SETTINGS_BODY_BYTES_MAX = 1 << 20


class Settings:
    """Show; change a part."""

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        json_reply(resp, await list_settings(req.context.tenant), req)

    async def on_patch(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        parts = await read_parts(req, SETTINGS_BODY_BYTES_MAX)

        def change(settings: TenantSettings) -> TenantSettings:
            return TenantSettings.of(_merged(settings.tree(), parts))

        try:
            shown = await update_settings(req.context.tenant, change)
        except MalformedError as error:
            raise bad_request(FORM_FAILED, cause=str(error)) from error
        json_reply(resp, shown, req)


def _merged(tree: settingsform.Tree, parts: dict[str, Any] | list[tuple[str, str]]) -> settingsform.Tree:
    """`tree` with what a body says: an object, or a form's texts and the objects in it, which come after them."""
    if isinstance(parts, dict):
        return settingsform.merge(tree, parts, exact=False)
    tree = settingsform.fill(tree, parts)
    for name, text in parts:
        if name == JSON_PAYLOAD:
            tree = settingsform.merge(tree, json_payload(text, FORM_FAILED), exact=True)
    return tree


def bind(app: Any) -> None:
    """Add the route of this group."""
    app.add_route("/api/settings", Settings())
