"""你好, in the words of many languages (spec §7.3). Only the language travels; each side has the table."""

from typing import Final

from floater.languages import look_up

UNKNOWN: Final = "en"
"The tag for a language that is not in the table."

GREETINGS: Final = {
    "ar": "مرحبا",
    "bg": "Здравей",
    "bn": "নমস্কার",
    "ca": "Hola",
    "cs": "Ahoj",
    "da": "Hej",
    "de": "Hallo",
    "el": "Γεια σου",
    "en": "Hello",
    "eo": "Saluton",
    "es": "Hola",
    "et": "Tere",
    "fa": "سلام",
    "fi": "Hei",
    "fil": "Kumusta",
    "fr": "Bonjour",
    "ga": "Dia dhuit",
    "he": "שלום",
    "hi": "नमस्ते",
    "hr": "Bok",
    "hu": "Szia",
    "id": "Halo",
    "is": "Halló",
    "it": "Ciao",
    "ja": "こんにちは",
    "ka": "გამარჯობა",
    "kk": "Сәлем",
    "km": "សួស្តី",
    "ko": "안녕하세요",
    "lo": "ສະບາຍດີ",
    "lt": "Labas",
    "lv": "Sveiki",
    "mn": "Сайн уу",
    "ms": "Helo",
    "my": "မင်္ဂလာပါ",
    "nb": "Hei",
    "ne": "नमस्ते",
    "nl": "Hallo",
    "no": "Hei",
    "pl": "Cześć",
    "pt": "Olá",
    "ro": "Salut",
    "ru": "Привет",
    "sk": "Ahoj",
    "sl": "Živjo",
    "sr": "Здраво",
    "sv": "Hej",
    "sw": "Habari",
    "ta": "வணக்கம்",
    "te": "నమస్కారం",
    "th": "สวัสดี",
    "tr": "Merhaba",
    "ug": "ياخشىمۇسىز",
    "uk": "Привіт",
    "ur": "السلام علیکم",
    "vi": "Xin chào",
    "yue": "你好",
    "zh": "你好",
    "zh-TW": "你好",
}
_BY_FOLDED: Final = {tag.casefold(): tag for tag in GREETINGS}


def known_language(tag: str) -> str:
    """Find the tag in `GREETINGS` that fits a BCP 47 tag best (RFC 4647 §3.4); `UNKNOWN` if none does."""
    return look_up(tag, _BY_FOLDED, UNKNOWN)


def greeting_in(tag: str) -> str:
    """Return the greeting in a language."""
    return GREETINGS[known_language(tag)]
