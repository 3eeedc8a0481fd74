"""S3's REST API for objects: requests are signed, or they are refused."""

import hashlib
import hmac
from urllib.parse import quote

from aiohttp import web

from tests.servers.bucket import BucketServer, error_answer

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "secret of the tests", "eu-west-1"
_METHOD = "AWS4-HMAC-SHA256"


class S3Server(BucketServer):
    """Objects of any bucket, addressed by path; a signature is checked as AWS documents it
    (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html)."""

    def refusal(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if not given.startswith(_METHOD):
            return error_answer(403, "AccessDenied")
        parts = dict(part.strip().split("=", 1) for part in given[len(_METHOD) :].split(","))
        key, day, *scope = parts["Credential"].split("/")
        if key != ACCESS_KEY:
            return error_answer(403, "InvalidAccessKeyId")
        if scope != [REGION, "s3", "aws4_request"]:
            return error_answer(400, "AuthorizationHeaderMalformed")
        text = _to_sign(request, parts["SignedHeaders"], "/".join([day, *scope]))
        made = hmac.new(_key(day), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(made, parts["Signature"]):
            return error_answer(403, "SignatureDoesNotMatch")
        return None


def _to_sign(request: web.Request, signed: str, scope: str) -> str:
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed.split(";"))
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in request.query.items())
    canonical = "\n".join([
        request.method, quote(request.path, safe="/-_.~"), "&".join(f"{k}={v}" for k, v in pairs),
        headers, signed, request.headers["x-amz-content-sha256"],
    ])  # fmt: skip
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join([_METHOD, request.headers["x-amz-date"], scope, digest])


def _key(day: str) -> bytes:
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
