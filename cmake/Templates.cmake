# Puts the templates of generated code into a C file, as texts in a table: pgm_embed_templates(FOLDER FILE).
# When configuring, so that what reads the sources (clang-tidy) finds the file without a build; a template that changes
# configures anew.

function(pgm_embed_templates folder file)
	file(GLOB_RECURSE templates CONFIGURE_DEPENDS RELATIVE "${folder}" "${folder}/*.c" "${folder}/*.py")
	set(rows "")
	foreach(template IN LISTS templates)
		set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${folder}/${template}")
		file(READ "${folder}/${template}" text)
		# For a string literal; "\?" keeps out what older compilers take for a trigraph.
		string(REPLACE "\\" "\\\\" text "${text}")
		string(REPLACE "\"" "\\\"" text "${text}")
		string(REPLACE "?" "\\?" text "${text}")
		string(REGEX REPLACE "\n$" "" text "${text}")
		string(REPLACE "\n" "\\n\"\n\t \"" text "${text}")
		string(APPEND rows "\t{\"${template}\",\n\t \"${text}\\n\"},\n")
	endforeach()
	file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT "/* Made from src/tools/codegen/templates. */
#include \"tools/codegen/template.h\"

const pgm__template pgm__templates[] = {
@rows@	{0},
};
")
endfunction()
