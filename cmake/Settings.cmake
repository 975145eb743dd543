# How everything of ours is compiled. pgmonkey-private carries it to the library, the program, the tests;
# it is never part of what is installed.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # clang-tidy reads it

set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

add_library(pgmonkey-warnings INTERFACE)
target_compile_options(pgmonkey-warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow
	$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
if(PGM_WERROR)
	target_compile_options(pgmonkey-warnings INTERFACE -Werror)
endif()

add_library(pgmonkey-private INTERFACE)
target_link_libraries(pgmonkey-private INTERFACE pgmonkey-warnings)
# -std=c11 hides all that is not C: ask for POSIX, and for the little beyond it that every Unix has
# (NI_MAXHOST). On macOS asking for POSIX hides the rest again. Not _GNU_SOURCE: it changes what strerror_r is.
target_compile_definitions(pgmonkey-private INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
if(APPLE)
	target_compile_definitions(pgmonkey-private INTERFACE _DARWIN_C_SOURCE)
endif()

# A public function called from inside the library is called directly, not through the table that would
# let another library replace it. Clang does so without being told.
check_c_compiler_flag(-fno-semantic-interposition PGM_CC_NO_INTERPOSITION)
if(PGM_CC_NO_INTERPOSITION)
	target_compile_options(pgmonkey-private INTERFACE -fno-semantic-interposition)
endif()

check_linker_flag(C "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/pgmonkey.map" PGM_LD_VERSION_SCRIPT)
check_linker_flag(C "LINKER:--no-undefined" PGM_LD_NO_UNDEFINED)

# The shared library is small: without what nobody can reach, and its tables of pointers packed (DT_RELR, glibc 2.36).
check_linker_flag(C "LINKER:--gc-sections" PGM_LD_GC_SECTIONS)
check_linker_flag(C "LINKER:-Bsymbolic-functions" PGM_LD_SYMBOLIC)
check_linker_flag(C "LINKER:-z,pack-relative-relocs" PGM_LD_PACK_RELOCS)

if(PGM_SANITIZE)
	add_compile_options("-fsanitize=${PGM_SANITIZE}" -fno-omit-frame-pointer)
	add_link_options("-fsanitize=${PGM_SANITIZE}")
	if(PGM_FUZZ)
		add_compile_options(-fsanitize=fuzzer-no-link)
		add_link_options(-fsanitize=fuzzer-no-link)
	endif()
	if(PGM_SANITIZE MATCHES "undefined")
		add_compile_options(-fno-sanitize-recover=all)
	endif()
endif()
