"""A time that a calendar or a server cannot count is refused at start by its name, and not when it is first used."""

import pytest
from pydantic_settings import BaseSettings

from lutong_chassis.settings import Settings, SettingsError, read
from lutong_inventory.settings import InventorySettings
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings

ALL: tuple[type[BaseSettings], ...] = (
    Settings, InventorySettings, MembershipSettings, CreditSettings, DeductionSettings, PaymentSettings
)  # fmt: skip
TIMES = [(kind, name) for kind in ALL for name in kind.model_fields if name.endswith(("_s", "_ms"))]


@pytest.mark.parametrize("value", ["0", "-1", "1e12", "1e300", "1e400", "inf", "nan", "9" * 40, "soon", "P1D", "²"])
@pytest.mark.parametrize(("kind", "name"), TIMES, ids=lambda item: item if isinstance(item, str) else item.__name__)
def test_an_absurd_time_is_refused_by_its_name(
    kind: type[BaseSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{kind.model_config['env_prefix']}{name.upper()}"
    for setting in ("LUTONG_DATABASE_URL=postgresql://x", "LUTONG_AUTH=off", f"{variable}={value}"):
        monkeypatch.setenv(*setting.split("=", 1))
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        read(kind)


def test_the_table_has_every_setting_with_a_unit_of_time() -> None:
    assert len(TIMES) > 20
