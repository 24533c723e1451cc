"""Last step of the image's build, on its base image's Python: takes out what installs packages, and compiles the rest.

The official Python images come without bytecode: each start and each probe would compile anew what it imports.
"""

import compileall
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from py_compile import PycInvalidationMode

INSTALLERS = ["_distutils_hack", "distutils-precedence.pth", "ensurepip", "pip", "pip-*", "pkg_resources", "setuptools"]
INSTALLERS += ["setuptools-*", "wheel", "wheel-*"]
UNUSED = re.compile(r"/(idlelib|lib2to3|site-packages|dist-packages|test|tests|tkinter|turtledemo)/")


def main() -> int:
    """Works on every directory that Python imports from by itself."""
    directories = [Path(path) for path in sys.path if Path(path).is_dir()]
    found = [path for directory in directories for pattern in INSTALLERS for path in directory.glob(pattern)]
    found += Path(sys.executable).parent.glob("pip*")
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    library = sysconfig.get_path("stdlib")
    return not compileall.compile_dir(library, rx=UNUSED, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    sys.exit(main())
