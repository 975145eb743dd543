/* Signals that ask the program to end: noted, so that it can end tidily. */
#ifndef PGM_CLI_INTERRUPT_H
#define PGM_CLI_INTERRUPT_H

/*
 * From here on SIGINT, SIGTERM and SIGHUP are noted, and interrupt system calls. One that was ignored when the program was
 * started (nohup) stays so. A second one ends the program at once, as if we had not been here.
 */
void cli_interrupt_catch(void);

/* The signal that came; 0: none. */
int cli_interrupt(void);

/* The exit status for it, as shells have it: 130 for SIGINT, 143 for SIGTERM. */
int cli_interrupt_status(void);

#endif
