"""Words in dates: months and days of the week, in the languages that news is most often written in; dateparser has the rest."""

from __future__ import annotations

import re

_MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari januar января январь янв stycznia sty ocak",
    "feb february februar februari feber février févr fevrier fevr fév febrero febbraio fevereiro fev "
    "февраля февраль фев февр lutego luty lut şubat",
    "mar march märz maerz mrz mär mars marzo março marco maart mrt марта март мар marca marzec mart",
    "apr april avril avr abril abr aprile апреля апрель апр kwietnia kwiecień kwi nisan",
    "may mai mayo maggio mag maio mei maj мая май maja mayıs",
    "jun june juni juin junio giugno giu junho июня июнь июн czerwca czerwiec cze haziran",
    "jul july juli juillet juil julio luglio lug julho июля июль июл lipca lipiec temmuz",
    "aug august août aout agosto ago augustus augusti августа август авг sierpnia sierpień sie ağustos",
    "sep september sept septembre septiembre setiembre settembre set setembro сентября сентябрь сен сент września wrzesień wrz "
    "eylül",
    "oct october oktober okt octobre octubre ottobre ott outubro out oktober октября октябрь окт października październik paź "
    "ekim",
    "nov november novembre noviembre novembro ноября ноябрь ноя нояб kasım",
    "dec december dezember dez décembre decembre déc diciembre dic dicembre dezembro desember декабря декабрь дек grudnia "
    "grudzień gru aralık",
)
MONTHS = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
TWO_MONTHS = frozenset(
    {"listopad", "listopada", "listopadu", "lip", "lis", "srp"}
)  # one in Polish or Czech, another in Croatian
_DAYS = (
    "mon monday tue tues tuesday wed weds wednesday thu thur thurs thursday fri friday sat saturday sun sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim",
    "lunes martes miércoles miercoles jueves viernes sábado sabado domingo mié jue vie sáb sab dom",
    "lunedì martedì mercoledì giovedì venerdì domenica gio segunda terça quarta quinta sexta segunda-feira terça-feira "
    "quarta-feira quinta-feira sexta-feira seg ter qua qui sex",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag понедельник вторник среда четверг пятница суббота воскресенье",
    "пн вт ср чт пт сб вс poniedziałek wtorek środa czwartek piątek niedziela",
)
_DAY_WORDS = "|".join(sorted({re.escape(word) for words in _DAYS for word in words.split()}, key=len, reverse=True))
WEEKDAY = re.compile(
    rf"(?<![^\W_])(?:{_DAY_WORDS}|(?:mo|di|mi|do|fr|sa|so|ma|wo|vr|za|zo)(?=[.,]|\s\d))(?![^\W_])[.,]*"
    r"|\(?(?:星期|礼拜|禮拜|周|週)[一二三四五六日天]\)?|\(?[月火水木金土日]曜日?\)?|\([月火水木金土日]\)"
    r"|\(?[월화수목금토일]요일\)?|\([월화수목금토일]\)",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]{3,}")


def find_month(written: str) -> tuple[int, int, int] | str | None:
    """The month that a text names and where its word begins and ends.

    A reason if the word names one month here and another there, None if there is no such word.
    """
    found = [(MONTHS[word], *match.span()) for match in WORD.finditer(written) if (word := match[0].casefold()) in MONTHS]
    if len(found) == 1:
        return found[0]
    if any(match[0].casefold() in TWO_MONTHS for match in WORD.finditer(written)):
        return "ambiguous_date"
    return None
