/* The templates of generated code, one file each in templates/; cmake/Templates.cmake makes the table of them. */
#ifndef PGM_TOOLS_CODEGEN_TEMPLATE_H
#define PGM_TOOLS_CODEGEN_TEMPLATE_H

typedef struct pgm__template {
	const char *name, *text; /* name: from templates/ on, "libpq/pool.c" */
} pgm__template;

/* Ends with a row without a name. */
extern const pgm__template pgm__templates[];

#endif
