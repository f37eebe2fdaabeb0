"""Generate the protocol's Python code from its .proto files; `--check` only compares.

Generated modules import each other as `adiom.v1`, which would be a top-level package: the imports are rewritten
to where the code really lives. The descriptors keep the names `adiom/v1/*.proto`, on which reflection rests.
"""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTOCOL = Path(__file__).parents[1] / "kit" / "dsync_kit" / "protocol"
PROTOS = ("adiom/v1/messages.proto", "adiom/v1/adiom.proto")


def generate(output: Path) -> None:
    """Write the generated modules below `output`."""
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOCOL}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={output}",
            f"--pyi_out={output}",
            *PROTOS,
        ]
    )
    if status != 0:
        raise SystemExit(status)
    for module in output.rglob("*_pb2.py*"):
        text = module.read_text(encoding="utf-8")
        module.write_text(text.replace("from adiom.v1 import", "from dsync_kit.protocol.adiom.v1 import"), "utf-8")


def main() -> int:
    """Generate in place, or with `--check` report what differs: 1 if anything does."""
    if "--check" not in sys.argv[1:]:
        generate(PROTOCOL)
        return 0
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        generate(fresh)
        stale = [
            str(module.relative_to(fresh))
            for module in sorted(fresh.rglob("*_pb2.py*"))
            if not (PROTOCOL / module.relative_to(fresh)).is_file()
            or module.read_bytes() != (PROTOCOL / module.relative_to(fresh)).read_bytes()
        ]
    for name in stale:
        print(f"{name} is not what its .proto file generates: run `make protocol`")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
