"""你好, in the words of many languages (spec §7.3). Only the language travels; each side has the table."""

from typing import Final

UNKNOWN: Final = "en"
"What a language that is not in the table is treated as."

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
    """Find the entry for a language tag (BCP 47), however it was written and however unknown it is.

    Subtags are dropped from the right until there is an entry (RFC 4647 §3.4).
    """
    folded = tag.replace("_", "-").casefold()
    while folded:
        if folded in _BY_FOLDED:
            return _BY_FOLDED[folded]
        folded = folded.rpartition("-")[0]
    return UNKNOWN


def greeting_in(tag: str) -> str:
    """Say hello in that language."""
    return GREETINGS[known_language(tag)]
