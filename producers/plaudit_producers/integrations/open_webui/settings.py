"""Settings of `plaudit reconcile open-webui`."""

from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr


class OpenWebuiSettings(Settings):
    """Which votes are brought, and to which gateway."""

    open_webui_url: str = Field(
        default="http://127.0.0.1:3000", min_length=1, description="The address of Open WebUI"
    )
    open_webui_key: SecretStr = Field(
        default=SecretStr(""), description="An API key of an admin of Open WebUI, who may export feedback"
    )
    open_webui_instance: str = Field(
        default="default",
        min_length=1,
        max_length=128,
        description="The name of this Open WebUI, as in its function; for several with one application",
    )
    open_webui_gateway_url: str = Field(
        default="http://127.0.0.1:8080", min_length=1, description="The address of the gateway"
    )
    open_webui_gateway_key: SecretStr = Field(
        default=SecretStr(""), description="An API key of the gateway with the role producer"
    )
