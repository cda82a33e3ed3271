# The toolchain file of the released libraries: scripts/dist.sh gives it to CMake. It is a cross
# build for the same processor and an older glibc.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER "${CMAKE_CURRENT_LIST_DIR}/zig-cc.sh")
# Programs of this machine run: they need an older glibc, not another one.
set(CMAKE_C_COMPILER_WORKS ON)
find_program(CMAKE_AR ar REQUIRED)
find_program(CMAKE_RANLIB ranlib REQUIRED)
find_program(CMAKE_OBJCOPY objcopy REQUIRED)
find_program(CMAKE_STRIP strip REQUIRED)
