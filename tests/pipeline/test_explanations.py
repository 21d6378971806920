"""Explanations: what stands behind a decision, down to the resources that are evidence for it."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.explanations import explain
from tests.pipeline.calls import content, decided, facts, order, request

FRACTURE = facts(vcf_identified=True, vcf_new=True, symptomatic=True)
CANCER = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z85.3"}]}


@pytest.mark.parametrize(
    ("more", "value", "grounds"),
    [
        ({}, "no", set()),  # an order is no evidence that there is no cancer
        ({"reasonCode": [CANCER]}, "yes", {"ServiceRequest/o1"}),
    ],
)
def test_an_order_is_evidence_for_its_reason_only(more: dict[str, Any], value: str, grounds: set[str]) -> None:
    decision = decided(request("order-sign", FRACTURE, [order("mri-spine-wo", "T12", **more)]))
    nodes = [node for top in explain(decision, content()) for node in top.walk()]
    cancer = [node for node in nodes if node.kind == "fact" and node.id == "malignancy_history"]
    assert {node.result for node in cancer} == {value}
    assert {reference for node in cancer for reference in node.details["from"]} == grounds
