# SPDX-License-Identifier: MIT
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, get
from conan.tools.layout import basic_layout
from conan.tools.scm import Version

required_conan_version = ">=2.0"


class TshiftConan(ConanFile):
    name = "tshift"
    description = "Temporal shift of channels at the speed of memory, header only"
    license = "MIT"
    url = "https://github.com/conan-io/conan-center-index"
    topics = ("temporal-shift", "deep-learning", "simd", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_io": [True, False]}
    default_options = {"with_io": False}
    no_copy_source = True

    def layout(self):
        basic_layout(self, src_folder="src")

    def requirements(self):
        self.requires("xsimd/[>=8.1]")
        if self.options.with_io:
            self.requires("nlohmann_json/[>=3.11 <4]")

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)
        compiler = str(self.settings.compiler)
        least = {"gcc": "12", "clang": "14"}.get(compiler)
        if compiler == "msvc" or (least and Version(self.settings.compiler.version) < least):
            raise ConanInvalidConfiguration(f"{self.ref} needs gcc 12, clang 14 or newer")

    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "tshift")
        self.cpp_info.set_property("cmake_target_name", "tshift::tshift")
        self.cpp_info.set_property("pkg_config_name", "tshift")
        if self.options.with_io:
            self.cpp_info.set_property("cmake_target_aliases", ["tshift::io"])
