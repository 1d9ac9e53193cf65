"""Sentences in Jinja templates: `trans` blocks and `_`, whose English texts a catalogue translates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.wording.sentence import Sentence

if TYPE_CHECKING:
    import jinja2

    from tasks.wording.wording import Wording


def with_wording(environment: jinja2.Environment, wording: Wording) -> jinja2.Environment:
    """The same environment: it reads templates in a language, sentences among their values too; with filters for dates.

    It is Jinja's own extension i18n, with the names of values as placeholders (`newstyle`). Values are escaped; the texts
    of templates and catalogues are HTML.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        wording.pattern,
        lambda one, several, number: wording.pattern(one if number == 1 and wording.language == "en" else several),
        newstyle=True,
    )
    environment.finalize = lambda value: wording(value) if isinstance(value, Sentence) else value
    environment.filters |= {"day": wording.day, "minute": wording.minute, "said": wording}
    return environment
