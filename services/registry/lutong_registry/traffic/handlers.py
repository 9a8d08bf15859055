"""What traffic rewards react to, by subject."""

from lutong_chassis import Handlers
from lutong_registry.traffic import promoting, spending, visiting

handlers = Handlers()
for subject in (visiting, spending, promoting):
    handlers.include(subject.handlers)
