"""What is secret in the words of a command line, and how these are shown without it."""

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote, urlsplit

__all__ = ["redact_target", "redact_uri", "spellings", "typed_secrets", "uri_secrets"]

_SECRET_OPTION = re.compile(r"(?i)(--?[\w-]*(?:pass|secret|token|key|credential|auth)[\w-]*(?:\s+|=))(\S+)")
_SECRET_WORD = re.compile(r"(?is)--?[\w-]*(?:pass|secret|token|key|credential|auth)[\w-]*(?:=(.*))?")
_QUERY_SECRET = re.compile(r"(?i)[\w.-]*(?:pass|secret|token|credential)[\w.-]*(?:=|:|%3a)([^&,#]+)")
_BROKEN_PASSWORD = re.compile(r"://[^:/?#@]*:(.+)@")


def typed_secrets(words: Sequence[str]) -> list[str]:
    """What is secret among the words of a command line, the longest first, where no connector's settings can say it.

    That is what is secret in each URI, and the value of each option that is called a password, a key, a token or the
    like.
    """
    found: set[str] = set()
    value_follows = False
    for word in words:
        if word.startswith("exec:"):
            found |= set(typed_secrets(word.removeprefix("exec:").split()))
            continue
        found |= uri_secrets(word)
        named = _SECRET_WORD.fullmatch(word)
        if named or value_follows:
            found.add((named[1] or "") if named else word)
        value_follows = named is not None and named[1] is None
    return spellings(found)


def redact_uri(uri: str) -> str:
    """The URI without its password, and without the options in it that are called a password, a secret or a token."""
    password = _password(uri)
    if password:
        uri = uri.replace(f":{password}@", ":***@", 1)
    for secret in _query_secrets(uri):
        uri = uri.replace(secret, "***")
    return uri


def redact_target(word: str) -> str:
    """A target as it may be shown: a URI without its secrets, a command without what its options call a secret."""
    if not word.startswith("exec:"):
        return redact_uri(word)
    hidden = _SECRET_OPTION.sub(lambda found: f"{found[1]}***", word)
    return " ".join(map(redact_uri, hidden.split(" ")))


def spellings(secrets: set[str]) -> list[str]:
    """The secrets, also as they come back percent-encoded in an address, or within a repr; the longest first."""
    found = secrets | {quote(secret, safe="") for secret in secrets} | {repr(secret)[1:-1] for secret in secrets}
    return sorted((secret for secret in found if secret), key=len, reverse=True)


def uri_secrets(uri: str) -> set[str]:
    """The password in a URI, and the options in it that are called one: as they stand there, and decoded."""
    found = {*_query_secrets(uri), _password(uri) or ""} - {""}
    return found | {unquote(secret) for secret in found}


def _query_secrets(uri: str) -> list[str]:
    return _QUERY_SECRET.findall(uri.partition("?")[2]) if "://" in uri else []


def _password(uri: str) -> str | None:
    try:
        netloc = urlsplit(uri).netloc
    except ValueError:
        netloc = uri.partition("://")[2].partition("/")[0]
    userinfo, at, _ = netloc.rpartition("@")
    if at:
        return userinfo.partition(":")[2] or None
    # A password with a raw `/`, `?` or `#`, with which no address is valid: it is a secret all the same.
    broken = _BROKEN_PASSWORD.search(uri)
    return broken[1] if broken else None
