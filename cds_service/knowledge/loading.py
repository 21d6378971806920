"""Content read, checked and compiled to a `Knowledge`: whole, or not at all with everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cds_service.cql.compile import CompiledLibraries, InlineExpression, Source, compile_libraries
from cds_service.cql.compiler.program import ROOTS
from cds_service.errors import CdsError, ErrorGroup, Span
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.model.types import Model, r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import ALL, Structs, full, lean
from cds_service.hooks.services import Service
from cds_service.knowledge.collecting import without_collection
from cds_service.knowledge.definitions import Definitions, UnusableDefinition, defines_of
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.paths import FhirPaths
from cds_service.knowledge.prefetch import prefetch_needs
from cds_service.knowledge.reach import DefinitionReach
from cds_service.knowledge.reading import CANONICAL_BASE, Content, closure, content_of, read_content
from cds_service.knowledge.services import KnownService, make_services
from cds_service.knowledge.site import site_parameters
from cds_service.patient_data.gather import Reading
from cds_service.phrases.derivation import TextReader
from cds_service.phrases.lexicon import load_lexicon
from cds_service.plans.expressions import Define, Expression, FhirPath, Unusable
from cds_service.plans.facts_catalogue import FactCatalogue, read_facts
from cds_service.terminology.loading import load_terminology
from cds_service.terminology.terminology import Fetch, Terminology

UNREADABLE = "Unreadable"
# What the engine itself reads of an order, beyond what the logic does.
_ORDER_ELEMENTS = frozenset({"id", "code", "status", "intent", "bodySite", "subject", "reasonCode", "reasonReference"})
# What reading the words of a report takes.
_REPORT_ELEMENTS = frozenset({"id", "status", "effective", "issued", "conclusion", "conclusionCode"})
# Resources are understood by what they refer to: by their drug or device, and appointments by their order.
_REFERRED_TO = frozenset({"Medication", "Device", "Substance", "ServiceRequest"})
_BY_HOOK = {"order-dispatch": ("ServiceRequest",), "appointment-book": ("Appointment",)}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How content is loaded."""

    base: str = CANONICAL_BASE
    whole: bool = False  # decode every element, for tools that show everything; calls need only what logic reads
    fetch: Fetch | None = None  # a source of value sets that nobody brought, asked during this load only


@without_collection()
def load_knowledge(
    folders: Sequence[Path], *, site: Sequence[Path] = (), options: LoadOptions | None = None
) -> Knowledge:
    """The knowledge in `folders`: each has `plandefinitions/` and `terminology/`, or is content itself.

    `site` are further sources of terminology. Raises an `ErrorGroup` with everything that is wrong.
    """
    options = options or LoadOptions()
    plans = [folder / "plandefinitions" if (folder / "plandefinitions").is_dir() else folder for folder in folders]
    terms = [folder / "terminology" for folder in folders if (folder / "terminology").is_dir()]
    content = read_content(plans, options.base)
    errors = list(content.errors)
    terminology = _terminology(terms, site, content, options, errors)
    return make_knowledge(content, terminology, options, errors, _texts(terms, options.base, errors))


def knowledge_of(resources: Iterable[Mapping[str, Any]], origin: str = "given") -> Knowledge:
    """The knowledge in parsed FHIR resources, whole: for conformance cases, tools and tests."""
    content = content_of(resources, origin)
    errors = list(content.errors)
    terminology = _terminology((), (), content, LoadOptions(), errors)
    return make_knowledge(content, terminology, LoadOptions(whole=True), errors)


def _terminology(
    folders: Sequence[Path], site: Sequence[Path], content: Content, options: LoadOptions, errors: list[CdsError]
) -> Terminology:
    inline = [
        found.resource
        for found in content.resources
        if found.type in {"ValueSet", "CodeSystem", "ConceptMap"} and found.url
    ]
    try:
        return load_terminology(list(folders), site=list(site), inline=inline, base=options.base, fetch=options.fetch)
    except ErrorGroup as group:
        errors.extend(group.errors)
    except CdsError as error:
        errors.append(error)
    return load_terminology([])


def _texts(folders: Sequence[Path], base: str, errors: list[CdsError]) -> TextReader | None:
    """A reader of free text, with the lexicon of the last folder that has one."""
    lexicons = [folder / "phrases" for folder in folders if (folder / "phrases").is_dir()]
    if not lexicons:
        return None
    try:
        return TextReader(load_lexicon(lexicons[-1], base))
    except ErrorGroup as group:
        errors.extend(group.errors)
    except CdsError as error:
        errors.append(error)
    return None


def make_knowledge(
    content: Content,
    terminology: Terminology,
    options: LoadOptions,
    errors: list[CdsError],
    texts: TextReader | None = None,
) -> Knowledge:
    """Compile `content` against `terminology`; `errors` are those found so far."""
    model = r4()
    definitions = Definitions(content, model)
    errors += definitions.errors()
    draft = make_services(definitions, terminology, options.base, errors)
    roots, unusable = _roots(definitions, draft)
    errors += unusable
    compiled = _compile(content, definitions, model, terminology, roots, errors)
    if errors or compiled is None:
        raise ErrorGroup(_causes_first(errors))
    reach = DefinitionReach(compiled)
    facts = _facts(compiled, definitions, draft, reach)
    definitions.facts = facts
    services = make_services(definitions, terminology, options.base, errors)  # again: now the facts are known
    services = {name: _offered(service, reach, model) for name, service in services.items()}
    paths = FhirPaths(model, terminology)
    if not options.whole:
        errors += _wrong_paths(definitions, paths)
    if errors:
        raise ErrorGroup(tuple(errors))
    structs = _structs(compiled, definitions, services, paths, options, reads_texts=texts is not None)
    parameters = site_parameters(content.parameters, compiled, model, errors)
    if errors:
        raise ErrorGroup(tuple(errors))
    return Knowledge(
        definitions=definitions,
        terminology=terminology,
        compiled=compiled,
        facts=facts,
        services=services,
        structs=structs,
        reading=Reading(Decoder(structs), CodeGroups(), texts),
        paths=paths,
        base=options.base,
        site_parameters=parameters,
        reads=_unreadable_reads(definitions, reach),
        parameter_names=frozenset(p.name for name in compiled.libraries for p in compiled.parameters(name)),
        looked_through=_looked_through(compiled, definitions, services, reach),
    )


def _wrong_paths(definitions: Definitions, paths: FhirPaths) -> Iterator[CdsError]:
    """The FHIRPath of plans that can never be evaluated, with where it stands."""
    for expression, place, origin in definitions.expressions():
        if isinstance(expression, FhirPath):
            try:
                paths.reads(expression.text)
            except CdsError as error:
                what = f"{place}: {expression.text}: {error.what}"
                yield UnusableDefinition(what, where=Span(origin, 1, 1), remedy=error.remedy)


def _causes_first(errors: Sequence[CdsError]) -> tuple[CdsError, ...]:
    """A library that cannot be read comes before everything that misses its definitions."""
    unread = [error for error in errors if error.code == "cql-syntax"]
    if not unread:
        return tuple(errors)
    others = [error for error in errors if error.code != "cql-syntax"]
    return (*unread, *(error for error in others if error.where is None or error.where.file != ROOTS))


def _roots(
    definitions: Definitions, services: Mapping[str, KnownService]
) -> tuple[set[tuple[str, str]], list[CdsError]]:
    """The definitions that plans evaluate, and all of our own libraries; what settings name but is not there."""
    found = defines_of(expression for expression, _, _ in definitions.expressions())
    unusable: list[CdsError] = []
    for service in services.values():
        for expression in service.expressions():
            if isinstance(expression, Unusable):
                where = Span(definitions.origins.get(service.plan.url, service.plan.id), 1, 1)
                unusable.append(UnusableDefinition(f"{service.plan.id}: {expression.reason}", where=where))
        found |= defines_of(service.expressions())
    for name, library in definitions.content.libraries.items():
        if library.is_file:
            found |= {(name, define) for define in library.defines}
    known = {error.what: error for error in unusable}
    return {
        root for root in found if root[1] in definitions.content.libraries[root[0]].defines
    } if found else set(), list(known.values())


def _compile(
    content: Content,
    definitions: Definitions,
    model: Model,
    terminology: Terminology,
    roots: set[tuple[str, str]],
    errors: list[CdsError],
) -> CompiledLibraries | None:
    needed = {text.name: text for library, _ in roots for text in closure(content.libraries, library)}
    for inline in definitions.inline_cql():
        if inline.library:
            needed.update({text.name: text for text in closure(content.libraries, inline.library)})
    needed.update({name: text for name, text in content.libraries.items() if text.is_file})
    try:
        compiled = compile_libraries(
            [Source(text.origin, text.text) for text in needed.values()],
            model=model,
            terminology=terminology,
            roots=sorted(roots),
            expressions=[InlineExpression(e.name, e.text, e.library) for e in definitions.inline_cql()],
        )
        every = (definition for library in compiled.libraries for definition in compiled.definitions(library))
        asked_why = [fact.key for fact in read_facts(every)]
        compiled.prepare_blanks(asked_why)
        compiled.prepare_evidence(asked_why)
        return compiled
    except ErrorGroup as group:
        errors.extend(group.errors)
    except CdsError as error:
        errors.append(error)
    return None


def _facts(
    compiled: CompiledLibraries, definitions: Definitions, services: Mapping[str, KnownService], reach: DefinitionReach
) -> FactCatalogue:
    """The facts, with the criteria of scenarios that depend on those of which silence is noted."""
    facts = read_facts(d for library in compiled.libraries for d in compiled.definitions(library))
    alternatives = [alternative for group in definitions.groups for alternative in group.alternatives]
    changes: dict[tuple[str, str], frozenset[str]] = {}
    for fact in facts:
        if fact.missing == "note":
            dependents = compiled.dependents([compiled.entry(*fact.key).slot])
            changes[fact.key] = frozenset(
                alternative.id
                for alternative in alternatives
                if any(_is_concerned(criterion, dependents, compiled) for criterion in alternative.criteria)
            )
    keys = defines_of(expression for service in services.values() for expression in service.expressions())
    return FactCatalogue(facts, changes, reach.facts(dict.fromkeys(sorted(keys))))


def _is_concerned(criterion: Expression, dependents: Sequence[int], compiled: CompiledLibraries) -> bool:
    if not isinstance(criterion, Define):
        return True
    return bool(dependents[compiled.entry(criterion.library, criterion.name).slot])


def _offered(service: KnownService, reach: DefinitionReach, model: Model) -> KnownService:
    read: set[str] = set(_BY_HOOK.get(service.hook, ()))
    for key in defines_of(service.expressions()):
        read |= reach.types(key)
    needs = prefetch_needs(read, model, service.hook)
    written = service.plan.written
    offer = Service(
        id=service.id,
        hook=service.hook,
        title=service.plan.title,
        description=str(written.get("description") or service.plan.title),
        prefetch={need.key: need.template for need in needs if need.is_plain},
        fhirpath_prefetch={need.key: need.template for need in needs if not need.is_plain},
        usage_requirements=str(written.get("usage") or "FHIR R4."),
    )
    return replace(service, needs=needs, offer=offer)


def _structs(
    compiled: CompiledLibraries,
    definitions: Definitions,
    services: Mapping[str, KnownService],
    paths: FhirPaths,
    options: LoadOptions,
    *,
    reads_texts: bool,
) -> Structs:
    if options.whole:
        return full()
    reads: dict[str, Any] = dict(compiled.reads_of(_libraries_of_calls(compiled, definitions, services)))
    for expression, _, _ in definitions.expressions():
        if isinstance(expression, FhirPath):
            looks = paths.reads(expression.text)
            if looks is ALL:
                return full()
            for name, elements in looks.items():
                before = reads.get(name, frozenset())
                reads[name] = ALL if ALL in (before, elements) else before | elements
    if any(service.decides for service in services.values()):
        orders = reads.get("ServiceRequest", frozenset())
        reads["ServiceRequest"] = ALL if orders is ALL else orders | _ORDER_ELEMENTS
    reports = reads.get("DiagnosticReport")
    if reads_texts and reports is not None and reports is not ALL:
        reads["DiagnosticReport"] = reports | _REPORT_ELEMENTS
    return lean({name: _with_contained(name, elements) for name, elements in reads.items()})


def _libraries_of_calls(
    compiled: CompiledLibraries, definitions: Definitions, services: Mapping[str, KnownService]
) -> frozenset[str]:
    """The libraries that a hook call can come to; what only counts patients afterwards reads charts of its own."""
    named = [expression for expression, _, _ in definitions.expressions()]
    for service in services.values():
        named += service.expressions()
    begun = {library for library, _ in defines_of(named)} | {fact.library for fact in definitions.facts.facts}
    begun |= {inline.library for inline in definitions.inline_cql() if inline.library}
    texts = definitions.content.libraries
    found = {text.name for name in begun for text in closure(texts, name)}
    return frozenset(name for name in compiled.libraries if name in found or name not in texts)


def _looked_through(
    compiled: CompiledLibraries,
    definitions: Definitions,
    services: Mapping[str, KnownService],
    reach: DefinitionReach,
) -> frozenset[str]:
    named = [expression for expression, _, _ in definitions.expressions()]
    for service in services.values():
        named += service.expressions()
    keys = {*defines_of(named), *(fact.key for fact in definitions.facts.facts)}
    texts = definitions.content.libraries
    inline = (d for library in compiled.libraries if library not in texts for d in compiled.definitions(library))
    keys |= {(each.library, each.name) for each in inline}
    found = reach.looked_through(keys) | _REFERRED_TO
    follows = any(isinstance(expression, FhirPath) and "resolve" in expression.text for expression in named)
    return found | {"Resource"} if follows else found


def _with_contained(name: str, elements: Any) -> Any:
    """What is read of a type; its contained resources too, where its code may stand in one (medication[x])."""
    info = r4().get(name)
    path = info.primary_code_path if info is not None else None
    element = info.element(path) if info is not None and path and "." not in path else None
    may_refer = element is not None and element.is_choice and "Reference" in element.attributes
    return elements | {"contained"} if may_refer and elements is not ALL else elements


def _unreadable_reads(definitions: Definitions, reach: DefinitionReach) -> Mapping[Expression, frozenset[str]]:
    """For plans whose logic does not declare "Unreadable": the types that their conditions rest on."""
    libraries = definitions.content.libraries
    found: dict[Expression, frozenset[str]] = {}
    for plan in definitions.plans:
        looks = {
            name
            for library in definitions.libraries_of(plan)
            for text in closure(libraries, library.name)
            for name in text.parameters
        }
        if UNREADABLE in looks:
            continue
        for action in plan.walk():
            for condition in action.conditions:
                keys = defines_of([condition])
                if keys and condition not in found:
                    found[condition] = frozenset().union(*(reach.types(key) for key in keys))
    return found
