"""The version of the suite: the one place that states it. Packages, images and documents take it from here."""

from typing import Final

VERSION: Final = "0.1.0"
