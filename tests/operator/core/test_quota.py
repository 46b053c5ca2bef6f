"""The platform's word on the room of a namespace."""

import pytest

from jethook_contract.errors import Invalid
from jethook_operator.core.quota import events_max_bytes


@pytest.mark.parametrize(
    ("annotation", "size"),
    [
        (None, None),
        ("1048576", 1024**2),
        ("1Mi", 1024**2),
        ("2Gi", 2 * 1024**3),
        (" 64Mi ", 64 * 1024**2),
        ("1Ti", 1024**4),
        ("4096Ki", 4 * 1024**2),
    ],
)
def test_sizes_that_are_read(annotation: str | None, size: int | None) -> None:
    assert events_max_bytes("shop", annotation=annotation) == size


@pytest.mark.parametrize(
    "annotation", ["", "0", "-1", "1G", "1.5Gi", "lots", "1048575", "2Ti", "1 Gi", "\u0661Gi", "9" * 400, "1Mi\n1Mi"]
)
def test_anything_else_names_the_annotation_and_who_must_change_it(annotation: str) -> None:
    with pytest.raises(Invalid) as failure:
        events_max_bytes("shop", annotation=annotation)
    assert failure.value.reason == "BadQuota"
    assert 'Namespace "shop": annotation jethook.io/events-max-bytes' in failure.value.message
    assert "the platform must give a size from 1Mi to 1Ti" in failure.value.message
    assert len(failure.value.message) < 300
