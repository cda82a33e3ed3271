"""venuepool as a package of Conan 2: `conan create packaging/conan`, from this checkout.

Cargo compiles it, so cargo has to be on the machine; all of it is a part of the package.
"""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rm

ROOT = os.path.join("..", "..")


class VenuepoolConan(ConanFile):
    name = "venuepool"
    description = "A REST connection pool for trading engines: hot HTTP/1.1 connections"
    license = "MIT OR Apache-2.0"
    topics = ("http", "pool", "trading", "latency")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "tools": [True, False]}
    default_options = {"shared": True, "tools": True}
    # Cargo then sees the same sources for each variant, and compiles once.
    no_copy_source = True

    def set_version(self):
        manifest = load(self, os.path.join(self.recipe_folder, ROOT, "Cargo.toml"))
        lines = (line for line in manifest.splitlines() if line.startswith("version = "))
        self.version = next(lines).split('"')[1]

    def export(self):
        copy(self, "Cargo.toml", os.path.join(self.recipe_folder, ROOT), self.export_folder)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, ROOT)
        for pattern in ("CMakeLists.txt", "Cargo.*", "LICENSE-*", "*.md"):
            copy(self, pattern, root, self.export_sources_folder, excludes=("build/*", "target/*"))
        for folder in (".cargo", "cmake", "docs", "include", "packaging", "src", "tests", "tools"):
            copy(self, f"{folder}/*", root, self.export_sources_folder)

    def configure(self):
        # C++ is in the headers only, for whichever compiler the program has.
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def validate(self):
        from conan.errors import ConanInvalidConfiguration

        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("venuepool is for Linux")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["VENUEPOOL_SHARED"] = bool(self.options.shared)
        toolchain.cache_variables["VENUEPOOL_BUILD_TOOLS"] = bool(self.options.tools)
        toolchain.cache_variables["VENUEPOOL_BUILD_TESTS"] = False
        toolchain.cache_variables["VENUEPOOL_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        lib = os.path.join(self.package_folder, "lib")
        # Both were made; the package has the one that was asked for.
        rm(self, "libvenuepool.a" if self.options.shared else "libvenuepool.so*", lib)

    def package_info(self):
        # The package has a venuepoolConfig.cmake and a venuepool.pc of its own.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "venuepool")]
        self.cpp_info.libs = ["venuepool"]
        if not self.options.shared:
            self.cpp_info.system_libs = ["util", "rt", "pthread", "m", "dl"]
