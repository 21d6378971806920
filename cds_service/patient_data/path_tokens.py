"""Values of FHIRPath tokens in prefetch templates (CDS Hooks 3.0, trial use), for data that we fetch ourselves.

A token has paths into the context (`context.draftOrders.entry.resource.ofType(ServiceRequest).id`), into the result of
an earlier template (`%orders.…`), or an expression without a root (`today() - 90 days`), several with `|` between.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cds_service.errors import CdsError
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.encoding import to_json
from cds_service.fhir.structs.flavours import full
from cds_service.fhirpath.engine import Compiled, compile_fhirpath
from cds_service.fhirpath.environment import Environment
from cds_service.hooks.requests import HookRequest
from cds_service.patient_data.needs import Need
from cds_service.patient_data.prefetched import Answer
from cds_service.values import dates
from cds_service.values.conversion import to_string

_ROOTED = re.compile(r"^(?:context\.(?P<member>\w+)|%(?P<key>[\w-]+))(?:\.(?P<rest>.+))?$", re.DOTALL)


@functools.lru_cache(maxsize=256)
def _compiled(path: str) -> Compiled:
    return compile_fhirpath(path)


@functools.lru_cache(maxsize=1)
def _decoder() -> Decoder:
    return Decoder(full())  # paths may go anywhere, the lean structs have only what logic reads


class PathTokens:
    """The values of tokens for one call; results of templates become known as they are fetched."""

    def __init__(self, request: HookRequest) -> None:
        self._request = request
        self._plain = request.context.tokens()
        self._members: dict[str, list[Any]] = {}
        self._answers: dict[str, list[Any]] = {}
        for found in request.context.resources:
            decoded = _decoder().collect(found.raw, flatten=False)
            self._members.setdefault(found.member, []).extend(decoded.resources)

    def learn(self, answers: Mapping[str, Answer]) -> None:
        """Take the results of templates into account: of their resources, what the logic reads."""
        for key, answer in answers.items():
            if key not in self._answers or len(answer.pages) > 0:
                resources = (resource for page in answer.pages for resource in page.resources)
                decoded = (_decoder().collect(to_json(resource), flatten=False) for resource in resources)
                self._answers[key] = [whole for one in decoded for whole in one.resources]

    def values(self, need: Need) -> dict[str, str]:
        """The tokens of a template that have a value here."""
        found = dict(self._plain)
        for token in need.tokens:
            if token not in found:
                text = ",".join(dict.fromkeys(value for part in _parts(token) for value in self._of(part)))
                if text:
                    found[token] = text
        return found

    def _of(self, part: str) -> list[str]:
        if part in self._plain:
            return [self._plain[part]]
        match = _ROOTED.match(part)
        try:
            if match is None:
                return self._evaluate(part, [None])
            roots = self._roots(match["member"], match["key"], match["rest"] or "")
            return self._evaluate(match["rest"] or "id", roots)
        except CdsError:
            return []  # a path that this call has nothing for, or that goes nowhere: no value

    def _roots(self, member: str | None, key: str | None, rest: str) -> list[Any]:
        """What a path starts from: whole Bundles where it goes through their entries, else the resources."""
        resources = self._members.get(member or "", []) if member else self._answers.get(key or "", [])
        if not rest.startswith("entry"):
            return resources
        structs = full()
        entries = [structs.new("Bundle.Entry", resource=resource) for resource in resources]
        return [structs.new("Bundle", type="collection", entry=entries)]

    def _evaluate(self, path: str, roots: Sequence[Any]) -> list[str]:
        environment = Environment(now=dates.now_from(self._request.as_of), resolve=self._resolve)
        found = (value for root in roots for value in _compiled(path).evaluate(root, environment))
        return [text for value in found if (text := to_string(value)) is not None]

    def _resolve(self, reference: str, _container: Any) -> Any:
        wanted = parse_reference(reference).relative
        return next((each for each in self._all() if f"{each.fhir_type}/{each.id}" == wanted), None)

    def _all(self) -> Iterator[Any]:
        for found in (*self._members.values(), *self._answers.values()):
            yield from found


def _parts(token: str) -> list[str]:
    """The paths of a token: what stands between `|`, unless that is within brackets or quotes."""
    parts, depth, quoted = [""], 0, False
    for sign in token:
        quoted ^= sign == "'"
        depth += 0 if quoted else (sign == "(") - (sign == ")")
        if sign == "|" and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
