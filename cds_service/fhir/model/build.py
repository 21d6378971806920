"""Writes `r4.json`, the facts about FHIR R4 that everything else reads.

`python -m cds_service.fhir.model.build` takes the element definitions of R4B (4.3.0) from the package
`fhir.resources`, applies `r4_differences.yaml` (what R4B changed, undone, and what that package does not
carry: code paths, patient paths, names of code enumerations) and writes the result beside itself.
With `--check` it writes nothing and ends with 1 if the file differs from what it would write.

An element is one string: name, `[x]` for a choice, a sign for its cardinality (`!` exactly one,
`*` any number, `+` at least one), then its types with the targets of references in brackets:
`subject! Reference(Patient,Group)`, `value[x] Quantity|string`, `status! code#ObservationStatus`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import typing
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PACKAGE = "fhir.resources.R4B"
# Classes of the package that are no FHIR types, or that the differences file writes down whole.
NO_TYPES = {"FHIRPrimitiveExtension", "FHIRResourceModel", "Element", "BackboneElement"}
OPEN_CHOICE = 40  # a choice of more types than this is one of any type
PRIMITIVES = {
    "Id": "id",
    "Uri": "uri",
    "Url": "url",
    "Code": "code",
    "String": "string",
    "PositiveInt": "positiveInt",
    "UnsignedInt": "unsignedInt",
    "Integer": "integer",
    "Date": "date",
    "DateTime": "dateTime",
    "Instant": "instant",
    "Time": "time",
    "Markdown": "markdown",
    "Canonical": "canonical",
    "Decimal": "decimal",
    "Base64Binary": "base64Binary",
    "Oid": "oid",
    "UuidVersion": "uuid",
    "Xhtml": "xhtml",
}

Facts = dict[str, dict[str, Any]]


def package_classes() -> dict[str, Any]:
    """Every model class of the R4B package by class name."""
    package = importlib.import_module(PACKAGE)
    found: dict[str, Any] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        if module_info.name in ("tests", "fhirtypes"):
            continue
        module = importlib.import_module(f"{PACKAGE}.{module_info.name}")
        found |= {
            name: value
            for name, value in inspect.getmembers(module, inspect.isclass)
            if value.__module__ == module.__name__ and hasattr(value, "model_fields") and name not in NO_TYPES
        }
    return found


def field_type(annotation: Any) -> tuple[str, bool]:
    """The package's own name of a field's type (`CodeableConcept`, `dateTime`), and whether it is a list."""
    if typing.get_origin(annotation) is list:
        return field_type(typing.get_args(annotation)[0])[0], True
    metadata = getattr(annotation, "__metadata__", None)
    if metadata:
        return PRIMITIVES[type(metadata[-1]).__name__], False
    arguments = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
    if arguments:
        name, is_list = field_type(arguments[0])
        return name, is_list
    if annotation is bool:
        return "boolean", False
    name = getattr(annotation, "__name__", str(annotation)).rsplit(".", 1)[-1]
    return name.removesuffix("Type"), False


class Names:
    """FHIR names for the package's classes: `ObservationComponent` becomes `Observation.Component`."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self.classes = classes
        self.names: dict[str, str] = {}
        nested = {name for name, model in classes.items() if self._base(model) == "BackboneElement"}
        nested |= {
            name for name in classes if name.startswith(("ElementDefinition", "DataRequirement", "TimingRepeat"))
        }
        nested |= {name for name in classes if name == "DosageDoseAndRate"}
        nested -= {"ElementDefinition", "DataRequirement", "Timing", "Dosage", "MarketingStatus", "Population"}
        nested -= {"ProdCharacteristic", "ProductShelfLife"}
        for name in classes:
            if name not in nested:
                self._walk(name, name, nested)

    @staticmethod
    def _base(model: Any) -> str:
        base: str = model.__mro__[1].__name__
        return base

    def _walk(self, class_name: str, fhir_name: str, nested: set[str]) -> None:
        self.names[class_name] = fhir_name
        for field_name, field in self.classes[class_name].model_fields.items():
            target, _ = field_type(field.annotation)
            part = (field.alias or field_name).rstrip("_")
            if target in nested and target == f"{class_name}{part[0].upper()}{part[1:]}":
                self._walk(target, f"{fhir_name}.{part[0].upper()}{part[1:]}", nested)

    def __getitem__(self, class_name: str) -> str:
        return self.names.get(class_name, class_name)


def own_fields(model: Any) -> list[str]:
    """FHIR names of the elements that this class adds to its base, in the order of the specification."""
    inherited = set(model.__mro__[1].elements_sequence()) if hasattr(model.__mro__[1], "elements_sequence") else set()
    return [name for name in model.elements_sequence() if name not in inherited]


def element_texts(model: Any, names: Names) -> list[str]:
    """The elements of one class in the notation of the data file."""
    by_alias = {(field.alias or name): field for name, field in model.model_fields.items()}
    texts: list[str] = []
    choices: dict[str, int] = {}
    for name in own_fields(model):
        field = by_alias[name]
        extra = field.json_schema_extra or {}
        type_name, is_list = field_type(field.annotation)
        targets = [target for target in extra.get("enum_reference_types", []) if target != "Resource"]
        shown = names[type_name] + (f"({','.join(targets)})" if targets else "")
        choice = extra.get("one_of_many")
        if choice is None:
            required = field.is_required() or bool(extra.get("element_required"))
            sign = ("+" if required else "*") if is_list else ("!" if required else "")
            texts.append(f"{name}{sign} {shown}")
        elif choice in choices:
            texts[choices[choice]] += f"|{shown}"
        else:
            choices[choice] = len(texts)
            texts.append(f"{choice}[x]{'!' if extra.get('one_of_many_required') else ''} {shown}")
    return texts


def kind_of(fhir_name: str, model: Any) -> str:
    if "." in fhir_name:
        return "nested"
    return "resource" if any(base.__name__ == "Resource" for base in model.__mro__) else "complex"


def r4b_facts() -> Facts:
    """The types of R4B as the package knows them."""
    classes = package_classes()
    names = Names(classes)
    facts: Facts = {}
    for class_name, model in classes.items():
        fhir_name = names[class_name]
        base = model.__mro__[1].__name__
        facts[fhir_name] = {
            "base": None if fhir_name == "Resource" else base,
            "kind": kind_of(fhir_name, model),
            "elements": element_texts(model, names),
        }
    return facts


def element_name(text: str) -> str:
    return text.split(" ", 1)[0].rstrip("!*+").removesuffix("[x]")


def apply_differences(facts: Facts, differences: dict[str, Any]) -> Facts:
    """R4 from R4B: types left out and added, elements replaced, dropped or put in, paths and names filled in."""
    result = {name: entry for name, entry in facts.items() if name.split(".")[0] not in set(differences["not_in_r4"])}
    for name, entry in differences["types"].items():
        result[name] = {"base": entry.get("base"), "kind": entry["kind"], "elements": list(entry.get("elements", ()))}
        if "system" in entry:
            result[name]["system"] = entry["system"]
    for name, changes in differences["elements"].items():
        elements: list[str] = result[name]["elements"]
        dropped = set(changes.get("drop", ()))
        unknown = dropped - {element_name(text) for text in elements}
        if unknown:
            raise SystemExit(f"r4_differences.yaml: {name} has no element {sorted(unknown)} to drop")
        elements = [text for text in elements if element_name(text) not in dropped]
        for text in changes.get("put", ()):
            places = [place for place, old in enumerate(elements) if element_name(old) == element_name(text)]
            if places:
                elements[places[0]] = text
            else:
                elements.append(text)
        result[name]["elements"] = elements
    for entry in result.values():
        entry["elements"] = [
            "|".join([text, *differences["open_choices_add"]]) if text.count("|") > OPEN_CHOICE else text
            for text in entry["elements"]
        ]
        entry["elements"] = [without_types(text, differences["drop_types"]) for text in entry["elements"]]
        entry["elements"] = [without_targets(text, differences["not_in_r4"]) for text in entry["elements"]]
    for name in differences["abstract"]:
        result[name]["abstract"] = True
    for name, path in differences["code_paths"].items():
        result[name]["code"] = path
    for name, (path, search) in patient_paths(result, differences).items():
        result[name]["patient"], result[name]["search"] = path, search
    name_enumerations(result, differences["enumerations"])
    return dict(sorted(result.items()))


def without_types(text: str, gone: list[str]) -> str:
    """The choice without types that R4 does not have."""
    head, _, types = text.partition(" ")
    return f"{head} {'|'.join(name for name in types.split('|') if name not in gone)}"


def without_targets(text: str, gone: list[str]) -> str:
    """The element without reference targets that R4 does not have."""
    if "(" not in text:
        return text
    head, _, rest = text.partition("(")
    inside, _, tail = rest.partition(")")
    kept = [target for target in inside.split(",") if target not in gone]
    return head + (f"({','.join(kept)})" if kept else "") + without_targets(tail, gone)


def patient_paths(facts: Facts, differences: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """For each resource type of the Patient compartment, the element that leads to the patient and its search name."""
    paths: dict[str, tuple[str, str]] = {}
    for name, entry in facts.items():
        if entry["kind"] != "resource":
            continue
        names = {element_name(text) for text in entry["elements"]}
        for path in ("patient", "subject"):
            if path in names:
                paths[name] = (path, "patient" if name in differences["search_patient"] else path)
                break
    paths |= {name: (path, search) for name, (path, search) in differences["patient_paths"].items()}
    for name in differences["no_patient"]:
        paths.pop(name, None)
    return paths


def name_enumerations(facts: Facts, enumerations: dict[str, list[str]]) -> None:
    """Write the name of the enumeration (`code#Name`) into each element that is bound to one."""
    for enumeration, paths in enumerations.items():
        for path in paths:
            type_name, _, element = path.rpartition(".")
            elements = facts[type_name]["elements"]
            for place, text in enumerate(elements):
                if element_name(text) == element and " code" in text:
                    elements[place] = text.replace(" code", f" code#{enumeration}", 1)
                    break
            else:
                raise SystemExit(f"r4_differences.yaml: no code element {path} for the enumeration {enumeration}")


def build() -> str:
    """The text of `r4.json`."""
    differences = yaml.safe_load((HERE / "r4_differences.yaml").read_text(encoding="utf-8"))
    facts = apply_differences(r4b_facts(), differences)
    lines = [
        f"{json.dumps(name)}: {json.dumps({k: v for k, v in entry.items() if v is not None}, separators=(',', ':'))}"
        for name, entry in facts.items()
    ]
    return '{"version": "4.0.1", "types": {\n' + ",\n".join(lines) + "\n}}\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` tell whether it is what would be written."""
    text, target = build(), HERE / "r4.json"
    if "--check" in arguments:
        return 0 if target.read_text(encoding="utf-8") == text else 1
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
