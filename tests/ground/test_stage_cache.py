from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.cache import Cache, cache_root, key, open_cache, tool_versions
from edgekit.errors import DestinationError, OptionError

A, B, C = (key("trace", of=name) for name in "abc")


@dataclass(frozen=True)
class Options:
    path: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class OtherOptions:
    path: Path
    names: tuple[str, ...]


def text(content: str):
    def fill(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text(content)

    return fill


def age(cache: Cache, name: str, seconds: float) -> None:
    stage, _, digest = name.rpartition("-")
    when = time.time() - seconds
    os.utime(cache.root / "v1" / stage / digest / "entry.json", (when, when))


def keys(cache: Cache) -> set[str]:
    return {entry.key for entry in cache.entries()}


def test_what_is_put_is_got(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get(A) is None
    put = cache.put(A, text("one"))
    assert (put / "sub" / "file").read_text() == "one"
    assert cache.get(A) == put
    assert cache.get(B) is None
    assert [(e.key, e.stage, e.size_bytes) for e in cache.entries()] == [(A, "trace", 3)]


@pytest.mark.parametrize("harm", ["change", "grow", "remove", "add", "record", "no record"])
def test_a_damaged_entry_is_a_miss_and_goes(tmp_path: Path, harm: str) -> None:
    cache = Cache(tmp_path)
    folder = cache.put(A, text("one"))
    file, record = folder / "sub" / "file", folder.parent / "entry.json"
    {
        "change": lambda: file.write_text("two"),
        "grow": lambda: file.write_text("one more"),
        "remove": file.unlink,
        "add": lambda: (folder / "more").touch(),
        "record": lambda: record.write_text('{"files": ['),
        "no record": record.unlink,
    }[harm]()
    assert cache.get(A) is None
    assert not folder.exists()
    assert (cache.put(A, text("two")) / "sub" / "file").read_text() == "two"


def test_a_failed_fill_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).put(A, fill)
    assert Cache(tmp_path).get(A) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DestinationError, match="no room left"):
        Cache(tmp_path).put(A, fill)


def test_concurrent_writers_agree(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda n: cache.put(A, text("same")), range(40)))
    assert folders == {cache.get(A)}
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_damaged_entry_is_replaced_by_put(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (cache.put(A, text("one")) / "sub" / "file").write_text("bad")
    assert (cache.put(A, text("two")) / "sub" / "file").read_text() == "two"


def test_the_limit_drops_the_least_recently_used(tmp_path: Path) -> None:
    before, cache = Cache(tmp_path), Cache(tmp_path, limit_bytes=25)
    for name, seconds in ((A, 3000.0), (B, 2000.0)):
        before.put(name, text("x" * 10))
        age(before, name, seconds)
    before.get(A)
    age(before, A, 1000.0)
    before.holds.let_go()
    cache.put(C, text("x" * 10))
    assert keys(cache) == {A, C}


def test_what_may_be_in_use_is_spared(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=0)
    cache.put(A, text("x"))
    cache.put(B, text("x"))
    assert keys(cache) == {A, B}
    cache.holds.let_go()
    age(cache, A, 700)
    assert [entry.key for entry in cache.prune()] == [A]


def test_long_work_keeps_what_it_put_and_took(tmp_path: Path) -> None:
    Cache(tmp_path).put(A, text("x"))
    cache = Cache(tmp_path, limit_bytes=0)
    cache.get(A)
    cache.put(B, text("x"))
    for name in (A, B):
        age(cache, name, 7000)
    cache.put(C, text("x"))
    assert keys(cache) == {A, B, C}
    other = Cache(tmp_path, limit_bytes=0)
    assert other.prune() == []
    assert other.prune(older_than_s=0) == []
    cache.holds.let_go()
    assert [entry.key for entry in other.prune()] == [A, B]


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from edgekit.cache import Cache;"
        "Cache(pathlib.Path(sys.argv[1])).put(sys.argv[2], lambda f: (f / 'a').write_text('x'));"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path, A], check=False)
    cache = Cache(tmp_path, limit_bytes=0)
    age(cache, A, 700)
    assert len(list((tmp_path / "in-use").iterdir())) == 2  # its list and its lock
    assert [entry.key for entry in cache.prune()] == [A]
    assert not list((tmp_path / "in-use").iterdir())


def test_pruning_by_age_ignores_the_size(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=None)
    cache.put(A, text("x"))
    cache.put(B, text("x"))
    age(cache, A, 86_400 * 3)
    assert [entry.key for entry in cache.prune(older_than_s=86_400 * 2)] == [A]
    assert [entry.key for entry in cache.prune(older_than_s=0)] == [B]


def test_leftovers_of_killed_runs_go(tmp_path: Path) -> None:
    old, new = (tmp_path / "staging" / name for name in ("1-old", "2-new"))
    for folder in (old, new):
        (folder / "content").mkdir(parents=True)
    os.utime(old, (0, 0))
    Cache(tmp_path).prune()
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("name", ["", "trace", "../x-" + "0" * 64, "a/b-" + "0" * 64, A + "0"])
def test_only_keys_are_keys(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a cache key"):
        Cache(tmp_path).get(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), json_values),
    st.randoms(use_true_random=False),
)
def test_a_key_does_not_depend_on_order(parts: dict[str, object], random) -> None:
    items = list(parts.items())
    random.shuffle(items)
    assert key("stage", **dict(items)) == key("stage", **parts)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(json_values, json_values)
def test_different_parts_have_different_keys(one: object, other: object) -> None:
    assert (key("s", x=one) == key("s", x=other)) == (repr(one) == repr(other))


def test_a_key_takes_dataclasses_by_value() -> None:
    one = key("s", o=Options(Path("a"), ("x",)))
    assert one == key("s", o=Options(Path("a"), ("x",)))
    assert one != key("s", o=Options(Path("b"), ("x",)))
    assert one != key("s", o=OtherOptions(Path("a"), ("x",)))
    assert one != key("t", o=Options(Path("a"), ("x",)))
    assert key("s", o={"b", "a"}) == key("s", o={"a", "b"})


def test_a_key_refuses_what_it_cannot_name() -> None:
    with pytest.raises(TypeError, match="object has no canonical JSON"):
        key("s", x=object())


def test_a_key_changes_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key("s")
    monkeypatch.setattr("edgekit.cache.code_digest", lambda: "other code")
    assert key("s") != before


def test_no_cache_is_one_that_goes_away() -> None:
    with open_cache(keep=False) as cache:
        assert (cache.put(A, text("x")) / "sub" / "file").read_text() == "x"
        assert cache.get(A) is not None
        assert cache.root != cache_root()
    assert not cache.root.exists()


def test_the_environment_chooses_place_and_limit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("EDGEKIT_CACHE_LIMIT_GIB", "0.5")
    with open_cache() as cache:
        assert (cache.root, cache.limit_bytes, cache.note) == (tmp_path / "here", 2**29, "")


@pytest.mark.parametrize("limit", ["", "many", "-1", "nan", "inf"])
def test_a_wrong_limit(tmp_path: Path, monkeypatch, limit: str) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("EDGEKIT_CACHE_LIMIT_GIB", limit)
    with pytest.raises(OptionError, match="expected GiB"), open_cache():
        pytest.fail("entered")


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "file"))
    with open_cache() as cache:
        assert "cannot be written" in cache.note
        assert cache.put(A, text("x")).is_dir()


def test_versions_name_edgekit_python_and_the_tools() -> None:
    versions = tool_versions()
    assert {"edgekit", "python", "tensorflow", "keras"} <= set(versions)
    assert all(versions.values())
