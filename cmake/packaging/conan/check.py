#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check.py <source tree> <folder>: runs the recipe's methods as Conan would, and leaves the package in the folder.

A stand-in for the module `conan` takes the source tree for the archive. It shows that the recipe is valid Python, that
its methods use what it declares, and what the package holds; it does not show that Conan accepts the recipe.
"""
import fnmatch
import os
import shutil
import sys
import types

source, package = (os.path.abspath(path) for path in sys.argv[1:3])


class Info:
    cleared = False

    def clear(self):
        self.cleared = True


class CppInfo:
    def __init__(self):
        self.bindirs, self.libdirs, self.includedirs, self.properties = ["bin"], ["lib"], ["include"], {}

    def set_property(self, name, value):
        self.properties[name] = value


class Refused(Exception):
    pass


class Version(tuple):
    def __new__(cls, text):
        return super().__new__(cls, (int(part) for part in str(text).split(".")))

    def __lt__(self, other):
        return tuple(self) < tuple(Version(other))


class ConanFile:
    def __init__(self, with_io, compiler, version):
        self.options = types.SimpleNamespace(with_io=with_io)
        self.settings = types.SimpleNamespace(compiler=Compiler(compiler, version))
        self.info, self.cpp_info, self.required = Info(), CppInfo(), []
        self.version, self.ref = "0.0.0", "tshift/0.0.0"
        self.conan_data = {"sources": {self.version: {"url": "", "sha256": ""}}}
        self.source_folder, self.package_folder = source, package

    def requires(self, reference):
        self.required.append(reference)


class Compiler(str):
    def __new__(cls, name, version):
        self = super().__new__(cls, name)
        self.version = version
        return self


def copy(_recipe, pattern, src, dst):
    """Files below src whose path ends in the pattern, into the same folders below dst."""
    found = 0
    for folder, _, names in os.walk(src):
        for name in fnmatch.filter(names, pattern):
            if "*" not in pattern and folder != src:
                continue
            to = os.path.join(dst, os.path.relpath(folder, src))
            os.makedirs(to, exist_ok=True)
            shutil.copy(os.path.join(folder, name), to)
            found += 1
    assert found > 0, f"{pattern} matches nothing in {src}"


def get(recipe, url, sha256, strip_root):
    assert strip_root and os.path.isdir(recipe.source_folder)


def module(name, **content):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)


module("conan", ConanFile=ConanFile)
module("conan.errors", ConanInvalidConfiguration=Refused)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=lambda recipe, least: None, can_run=lambda recipe: True)
module("conan.tools.files", copy=copy, get=get)
module("conan.tools.layout", basic_layout=lambda recipe, src_folder: None)
module("conan.tools.scm", Version=Version)
module("conan.tools.cmake", CMake=object, cmake_layout=lambda recipe: None)


def load(path):
    scope = {"__name__": "recipe"}
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), scope)  # pylint: disable=exec-used
    classes = [v for v in scope.values() if isinstance(v, type) and issubclass(v, ConanFile) and v is not ConanFile]
    assert len(classes) == 1, path
    return classes[0]


def refuses(recipe):
    try:
        recipe.validate()
    except Refused:
        return True
    return False


here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "all")
Recipe = load(os.path.join(here, "conanfile.py"))
load(os.path.join(here, "test_package", "conanfile.py"))

assert Recipe.package_type == "header-library" and Recipe.no_copy_source
assert Recipe.default_options.keys() == Recipe.options.keys()
for with_io, required in ((False, ["xsimd"]), (True, ["xsimd", "nlohmann_json"])):
    recipe = Recipe(with_io, "gcc", "12")
    recipe.layout()
    recipe.requirements()
    assert [reference.split("/")[0] for reference in recipe.required] == required, recipe.required
    recipe.validate()
    recipe.source()
    shutil.rmtree(package, ignore_errors=True)
    recipe.package()
    recipe.package_id()
    recipe.package_info()
    assert recipe.info.cleared
    assert recipe.cpp_info.bindirs == [] and recipe.cpp_info.libdirs == []
    assert recipe.cpp_info.includedirs == ["include"]
    assert recipe.cpp_info.properties["cmake_target_name"] == "tshift::tshift"
    assert ("cmake_target_aliases" in recipe.cpp_info.properties) == with_io
assert os.path.isfile(os.path.join(package, "licenses", "LICENSE"))
assert not refuses(Recipe(False, "clang", "14")) and not refuses(Recipe(False, "apple-clang", "15"))
assert refuses(Recipe(False, "gcc", "11.4")) and refuses(Recipe(False, "clang", "13")) and refuses(
    Recipe(False, "msvc", "193"))

headers = sum(name.endswith(".hpp") for _, _, names in os.walk(os.path.join(package, "include")) for name in names)
print(f"conan recipe: {headers} headers in the package")
