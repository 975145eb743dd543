# Debian and RPM packages, made by scripts/packages.sh with CPack: each part of cmake/Install.cmake is one.

set(CPACK_PACKAGE_NAME pgmonkey)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_VENDOR "the pgmonkey authors")
set(PGM_PACKAGER "the pgmonkey authors <pgmonkey@example.invalid>" CACHE STRING "Who answers for the packages")
set(CPACK_PACKAGE_CONTACT "${PGM_PACKAGER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_COMPONENTS_ALL lib dev)
if(TARGET pgmonkey-tools)
	list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
if(TARGET pgmonkey-program)
	list(APPEND CPACK_COMPONENTS_ALL program)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_STRIP_FILES ON)
# 0022, whatever the umask of whoever makes them.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/FinishPackages.cmake")

set(all "One YAML file describes a connection to PostgreSQL, and one call turns it into
a handle that lends plain libpq connections: a single one, a pool for
threads, or event-driven ones.
.
")
set(CPACK_COMPONENT_LIB_DESCRIPTION "${all}This is the library.")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "${all}This is the library for CSV files, and for what a server is to have.")
set(CPACK_COMPONENT_DEV_DESCRIPTION "${all}This is for compiling programs: headers, static libraries, manual pages.")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "${all}This is the program, which writes the file, tries it, and carries CSV files.")

# ------------------------------------------------------------------------------ Debian
set(so "${PROJECT_VERSION_MAJOR}")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "${PROJECT_HOMEPAGE_URL}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
set(CPACK_DEBIAN_LIB_PACKAGE_NAME "libpgmonkey${so}")
set(CPACK_DEBIAN_LIB_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME "libpgmonkey-tools${so}")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libpgmonkey-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
# The loader is told of a library by a trigger (Debian Policy Manual, 8.1.1). The scripts that CPack adds, for the same
# end, do no harm.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
file(WRITE "${PROJECT_BINARY_DIR}/debian/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIB_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/debian/triggers")
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/debian/triggers")
# Packed relocations want a loader that knows them, of which dpkg-shlibdeps does not tell.
if(PGM_LD_PACK_RELOCS)
	set(CPACK_DEBIAN_LIB_PACKAGE_DEPENDS "libc6 (>= 2.36)")
endif()
set(same "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "libpgmonkey${so} ${same}")
# A program needs libpq's headers; libyaml's are for the static library alone.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libpgmonkey${so} ${same}, libpgmonkey-tools${so} ${same}, libpq-dev (>= 14)")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "libyaml-dev, pkg-config | pkgconf")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME pgmonkey)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION database)

# ------------------------------------------------------------------------------ RPM
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_PACKAGE_GROUP "Development/Libraries")
set(CPACK_RPM_LIB_PACKAGE_NAME libpgmonkey)
set(CPACK_RPM_TOOLS_PACKAGE_NAME libpgmonkey-tools)
set(CPACK_RPM_DEV_PACKAGE_NAME libpgmonkey-devel)
set(CPACK_RPM_PROGRAM_PACKAGE_NAME pgmonkey)
set(same "= ${PROJECT_VERSION}-${CPACK_RPM_PACKAGE_RELEASE}")
set(CPACK_RPM_TOOLS_PACKAGE_REQUIRES "libpgmonkey ${same}")
set(CPACK_RPM_DEV_PACKAGE_REQUIRES "libpgmonkey ${same}, libpgmonkey-tools ${same}, libpq-devel >= 14")
# Folders that belong to the system, not to us.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
	/usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/zsh /usr/share/zsh/site-functions
	/usr/share/fish /usr/share/fish/vendor_completions.d /usr/share/licenses "/usr/${CMAKE_INSTALL_LIBDIR}/cmake"
	"/usr/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /usr/share/man /usr/share/man/man1 /usr/share/man/man3 /usr/share/man/man5)
# Their debuggers' links belong to packages with debugging symbols.
# And the time that SOURCE_DATE_EPOCH names is that of the build: the same sources make the same package.
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1")

include(CPack)
