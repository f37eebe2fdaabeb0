"""Finds secrets in the words of a command line, and shows them without."""

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote, urlsplit

__all__ = ["redact_target", "redact_uri", "spellings", "typed_secrets", "uri_secrets"]

_SECRET_OPTION = re.compile(r"(?i)(--?[\w-]*(?:pass|secret|token|key|credential|auth)[\w-]*(?:\s+|=))(\S+)")
_SECRET_WORD = re.compile(r"(?is)--?[\w-]*(?:pass|secret|token|key|credential|auth)[\w-]*(?:=(.*))?")
_QUERY_SECRET = re.compile(r"(?i)[\w.-]*(?:pass|secret|token|credential)[\w.-]*(?:=|:|%3a)([^&,#]+)")
_BROKEN_PASSWORD = re.compile(r"://[^:/?#@]*:(.+)@")


def typed_secrets(words: Sequence[str]) -> list[str]:
    """The secrets in the words of a command line, the longest first, when no connector's settings are known.

    These are the secrets in URIs, and the values of options that are named like a password, key or token.
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
    """The URI without its password, and without parameters named like a password, secret or token."""
    password = _password(uri)
    if password:
        uri = uri.replace(f":{password}@", ":***@", 1)
    for secret in _query_secrets(uri):
        uri = uri.replace(secret, "***")
    return uri


def redact_target(word: str) -> str:
    """A target as it may be shown: a URI without secrets, a command without values of options named like them."""
    if not word.startswith("exec:"):
        return redact_uri(word)
    hidden = _SECRET_OPTION.sub(lambda found: f"{found[1]}***", word)
    return " ".join(map(redact_uri, hidden.split(" ")))


def spellings(secrets: set[str]) -> list[str]:
    """The secrets, also percent-encoded as in addresses and escaped as in a repr; the longest first."""
    found = secrets | {quote(secret, safe="") for secret in secrets} | {repr(secret)[1:-1] for secret in secrets}
    return sorted((secret for secret in found if secret), key=len, reverse=True)


def uri_secrets(uri: str) -> set[str]:
    """The password in a URI, and the parameters named like one, both as written and decoded."""
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
    # A password with a raw `/`, `?` or `#` makes the URI invalid, but it is still a secret.
    broken = _BROKEN_PASSWORD.search(uri)
    return broken[1] if broken else None
