"""Why a card does not open in an app, in both languages. Pure."""

from typing import Final

from lutong_feed.hosts.domain import Blocked
from lutong_feed.live.sentences import Sentence

_CAPABILITIES: Final = {
    "pay": Sentence("payments", "支付"),
    "identity": Sentence("identity checks", "身份认证"),
    "credit": Sentence("credit", "信用"),
    "coupons": Sentence("coupons", "卡券"),
    "location": Sentence("your location", "定位"),
}
_REASONS: Final = {
    "unknown_host": Sentence("This app is not known here: open it in another app", "此应用尚未登记，请在其他应用中打开"),
    "host_retired": Sentence("This app opens no mini-programs any more", "此应用已不再支持打开小程序"),
    "other_host": Sentence("This mini-program is not for this app: open it in another app", "此小程序未在本应用发布，请在其他应用中打开"),
}  # fmt: skip


def stated(blocked: Blocked) -> Sentence:
    """Why a card does not open.

    >>> stated(Blocked("platform_too_old", platform_version=12))
    Sentence(en='This app is too old: platform version 12 is needed, update the app', zh='应用版本过低：需要平台版本 12，请升级应用')
    """
    if blocked.reason == "platform_too_old":
        needed = blocked.platform_version
        return Sentence(
            f"This app is too old: platform version {needed} is needed, update the app",
            f"应用版本过低：需要平台版本 {needed}，请升级应用",
        )
    if blocked.reason == "no_capability":
        word = blocked.capability or ""
        what = _CAPABILITIES.get(word, Sentence(word, word))
        return Sentence(f"This app has no support for {what.en}", f"此应用不支持{what.zh}")
    return _REASONS[blocked.reason]
