"""Service Usage: which APIs a project has enabled."""

from aiohttp import web

from tests.servers._google_bodies import body, info
from tests.servers._serving import Serving


class ServiceUsageServer(Serving):
    """`off`: APIs that are not enabled. `denied`: the account may not ask."""

    def __init__(self, project: str = "proj-1") -> None:
        super().__init__()
        self.project = project
        self.off: set[str] = set()
        self.denied = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/projects/{project}/services:batchGet", self._batch_get)

    async def _batch_get(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        if project != self.project:
            status, document = body(
                403,
                "PERMISSION_DENIED",
                f"Permission denied on resource project {project}.",
                info("CONSUMER_INVALID", consumer=f"projects/{project}"),
            )
            return web.json_response(document, status=status)
        if self.denied:
            status, document = body(
                403,
                "PERMISSION_DENIED",
                "Permission denied to get service [bigquery.googleapis.com]",
                info("AUTH_PERMISSION_DENIED", service="serviceusage.googleapis.com"),
            )
            return web.json_response(document, status=status)
        names = request.query.getall("names")
        assert len(names) <= 30, "no more are taken at once"
        services = [
            {
                "name": name.replace(f"projects/{project}", "projects/123456"),
                "parent": "projects/123456",
                "state": "DISABLED" if name.rpartition("/")[2] in self.off else "ENABLED",
            }
            for name in names
        ]
        return web.json_response({"services": services})
