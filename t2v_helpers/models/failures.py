"""Says what a failure of the hub, the network, the disk or the cache was, and what to do next, in one line.

The libraries wrap each other's errors, so the reason may be anywhere in the chain of causes.
"""

import errno
import json
import re
import socket
import ssl
import typing
import urllib.request

from .checkpoint import one_line

_SPACE = "no space left in {cache} for {file} ({why}): free some, or set HF_HOME to a folder on another disk"
_RIGHTS = "{path} may not be used ({why}): change its permissions, or set HF_HOME to a folder that you may write to"
_NO_FOLDER = "{path} is a file, but the cache needs a folder there ({why}): move it away, or set HF_HOME"
_LIMIT = (
    "the disk of {cache} cannot hold {file} ({why}): set HF_HOME to a folder on another disk, or with a shorter name"
)
DISK = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _SPACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), _NO_FOLDER),
    errno.ENOENT: "{path} is not there ({why}): set HF_HOME to a folder on a disk that is",
    **dict.fromkeys((errno.EFBIG, errno.ENAMETOOLONG, errno.EIO), _LIMIT),
}


class Asked(typing.NamedTuple):
    """What was asked of the hub; missing: why; token: where the one that is sent is kept."""

    repo: str
    revision: str | None
    file: str
    missing: str
    cache: str
    endpoint: str
    token: str


def explain(error: BaseException, asked: Asked) -> Exception:
    """Turn whatever a download raised into the error to raise instead, which says what it was and what to do.

    Args:
        error: From huggingface_hub, from the libraries below it, or from the disk.
        asked: What was being fetched.

    Returns:
        ValueError: the repository or the token. FileNotFoundError: a file the repository lacks. ConnectionError: the
        network or the hub itself. OSError: the disk or the cache.
    """
    if isinstance(error, OSError) and error.errno in DISK:
        where = {"path": error.filename or asked.cache, "why": error.strerror}
        return OSError(DISK[error.errno].format(cache=asked.cache, file=asked.file, **where))
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    response = next((one.response for one in chain if getattr(one, "response", None) is not None), None)
    found = _answered(response, asked) if response is not None else _unanswered(chain, asked)
    if isinstance(found, Exception):
        return found
    what, advice = found
    if asked.endpoint != "https://huggingface.co" and "_OFFLINE" not in what:
        what += f" (HF_ENDPOINT is {asked.endpoint})"
    tiny = "what was downloaded is kept, and the model 'tiny' needs no network"
    return ConnectionError(f"{asked.missing}, and {what}: {advice} ({tiny})")


def _answered(response: typing.Any, asked: Asked) -> Exception | tuple[str, str]:
    """What an answer of the hub means: an error, or (what went wrong on the way, what to do)."""
    status, repo, headers = response.status_code, asked.repo, response.headers
    code, said = headers.get("X-Error-Code"), headers.get("X-Error-Message") or response.reason_phrase
    sent, token = "authorization" in response.request.headers, f"the token in {asked.token}"
    if code == "GatedRepo":
        how = f" with the account of {token}" if sent else ", then run 'hf auth login'"
        return ValueError(f"{repo} is gated: accept its terms at hf.co/{repo}{how}")
    if status == 401 and sent:
        renew = "make a new one at hf.co/settings/tokens, or remove it, since public models need none"
        return ValueError(f"the hub does not accept {token} ({said}): {renew}")
    if code == "RevisionNotFound":
        return ValueError(f"{repo} on the hub has no revision {asked.revision}")
    if code == "EntryNotFound":
        why = " is not a pipeline: it" if asked.file == "model_index.json" else ""
        return FileNotFoundError(f"{repo} on the hub{why} has no {asked.file}")
    if code == "RepoNotFound" or status == 401:
        hidden = f"hides it from {token}" if sent else "hides it until you run 'hf auth login'"
        return ValueError(f"{repo!r} is no folder here, and the hub has no model of this name, or {hidden}")
    if status in (403, 410, 451):
        way = f"does {token} have the right to read it" if sent else "is a proxy or the hub's owner in the way"
        return ValueError(f"the hub refuses {repo} ({status}, {said}): {way}?")
    if status == 429:
        wait = re.search(r"\d+", headers.get("Retry-After", "")) or re.search(
            r"(?<=t=)\d+", headers.get("RateLimit", "")
        )
        again = f"try again in {wait[0]} s" if wait else "try again in some minutes"
        return (
            f"the hub limits how often you may ask (429, {said})",
            f"{again}, or run 'hf auth login' for a higher limit",
        )
    if status == 404:
        return "what answers is not the hub", "unset HF_ENDPOINT, or write https://huggingface.co into it"
    if status == 407:
        return f"the proxy requires a login (407, {said})", "put it into HTTPS_PROXY: http://name:password@host:port"
    return f"the hub answers {status} ({said})", "try again later (status.huggingface.co shows how it is)"


def _unanswered(chain: list[BaseException], asked: Asked) -> Exception | tuple[str, str]:
    """What it means that no answer came, or one that is no hub's: an error, or (what went wrong, what to do)."""
    names, why = {kind.__name__ for one in chain for kind in type(one).__mro__}, one_line(chain[0])
    proxies = [url for kind, url in urllib.request.getproxies().items() if kind in ("http", "https", "all")]
    if "HFValidationError" in names:
        return ValueError(f"{asked.repo!r} is no folder here, and no name that a model on the hub can have ({why})")
    if "UnicodeEncodeError" in names:
        return ValueError(f"the token in {asked.token} has characters that no token has: copy it anew, or remove it")
    if "OfflineModeIsEnabled" in names:
        return "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set, so nothing is fetched", "unset it and restart Python"
    if (proxies and names & {"ProxyError", "ConnectError", "ImportError"}) or "proxy" in why.lower():
        proxy = re.sub("//.*@", "//", " or ".join(dict.fromkeys(proxies)))  # without its password
        return f"the proxy {proxy} does not lead to the hub ({why})", "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
    if any(isinstance(one, socket.gaierror) for one in chain):
        return "the hub's address cannot be looked up (no DNS)", "connect to a network and try again"
    if any(isinstance(one, ssl.SSLError) for one in chain):
        return f"the hub's certificate is not trusted ({why})", "set SSL_CERT_FILE to the certificates of your network"
    if names & {"TimeoutException", "TimeoutError"}:
        longer = "give it more seconds with HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT"
        return "the hub did not answer in time", f"try again, or {longer}"
    if "ConnectionRefusedError" in names:
        return "the hub's address refuses the connection", "connect to a network and try again"
    if names & {"UnsupportedProtocol", "InvalidURL"}:
        return f"HF_ENDPOINT is no address ({why})", "write https://huggingface.co, or unset it"
    if "FileMetadataError" in names or any(isinstance(one, json.JSONDecodeError) for one in chain):
        return "what answers is not the hub", "is there a page where you have to log in to the network?"
    return f"the connection to the hub broke off ({why})", "connect and try again"
