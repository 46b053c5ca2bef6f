"""A folder: the last good content of each file, and when a reading is whole."""

from __future__ import annotations

from pathlib import Path

from jethook_operator.shell.files_folder import Folder, Reading


def endpoint(name: str) -> str:
    return f"""\
apiVersion: jethook.io/v1alpha1
kind: WebhookEndpoint
metadata: {{name: {name}}}
spec: {{url: "https://a.example/x"}}
"""


def names(reading: Reading) -> list[str]:
    return sorted(document.key.name for document in reading.documents)


def folder(path: Path) -> Folder:
    return Folder(path, pool_namespace="jethook-system")


def test_a_folder_is_read_with_its_subfolders_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("a.yaml", "sub/b.yml", ".c.yaml", ".jethook/d.yaml", "e.txt", "f.yaml~"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(endpoint(path.name.strip(".")[0]))
    reading = folder(tmp_path).read()
    assert names(reading) == ["a", "b"]
    assert reading.faults == ()


def test_a_half_written_file_keeps_its_last_good_content(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(endpoint("one") + "---\n" + endpoint("two"))
    held = folder(tmp_path)
    assert names(held.read()) == ["one", "two"]
    path.write_text(endpoint("one") + "---\napiVersion: jethook.io/v1alpha1\nkind: Webhook")
    reading = held.read()
    assert names(reading) == ["one", "two"]
    assert len(reading.faults) == 1
    assert reading.faults[0].startswith("a.yaml:")
    path.write_text(endpoint("one") + "# and no more\n")
    reading = held.read()
    assert names(reading) == ["one"]
    assert reading.faults == ()


def test_a_file_that_is_removed_takes_its_objects_with_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(endpoint(name))
    held = folder(tmp_path)
    held.read()
    (tmp_path / "a.yaml").unlink()
    assert names(held.read()) == ["b"]


def test_an_object_that_stands_twice_is_refused_and_the_first_place_counts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(endpoint("same"))
    (tmp_path / "b.yaml").write_text(endpoint("other") + "---\n" + endpoint("same"))
    reading = folder(tmp_path).read()
    assert names(reading) == ["other", "same"]
    assert reading.faults == ("b.yaml:5: WebhookEndpoint default/same stands at a.yaml:1 already; remove one",)


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    watched = tmp_path / "watched"
    elsewhere.mkdir()
    watched.mkdir()
    (elsewhere / "a").write_text(endpoint("linked"))
    (watched / "a.yaml").symlink_to(elsewhere / "a")
    held = folder(watched)
    assert names(held.read()) == ["linked"]
    (elsewhere / "a").write_text(endpoint("changed"))
    assert names(held.read()) == ["changed"]


def test_a_dangling_link_and_a_folder_that_vanishes_are_told_apart_from_emptiness(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    (watched / "a.yaml").write_text(endpoint("a"))
    held = folder(watched)
    held.read()
    watched.rename(tmp_path / "away")
    reading = held.read()
    assert names(reading) == ["a"]
    assert reading.faults
