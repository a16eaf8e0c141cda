/* A command that does not want to end. Its one argument says how; see commands.rs. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore_all(void)
{
	for (int s = 1; s < 32; s++)
		signal(s, SIG_IGN);
}

/* Leaves parent, group and session, and stays. */
static void escape(int keep_pipes)
{
	if (fork() != 0)
		return;
	setsid();
	ignore_all();
	if (fork() != 0)
		_exit(0);
	setsid();
	if (!keep_pipes)
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	for (;;)
		pause();
}

/* Always a new process in a new session, the old one gone: no list of processes is true for long. */
static void run_away(void)
{
	if (fork() != 0)
		return;
	for (;;) {
		setsid();
		ignore_all();
		usleep(200);
		if (fork() != 0)
			_exit(0);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("begun %s\n", how);
	ignore_all();
	if (!strcmp(how, "stay")) {
		escape(1);
		escape(0);
		for (;;)
			pause();
	}
	if (!strcmp(how, "leave")) {
		escape(1);
		escape(0);
		usleep(20000);
		return 0;
	}
	if (!strcmp(how, "run")) {
		run_away();
		run_away();
		usleep(50000);
		return 0;
	}
	if (!strcmp(how, "talk")) {
		escape(0);
		for (;;)
			if (write(1, "and on and on\n", 14) < 0)
				return 1;
	}
	if (!strcmp(how, "many")) {
		/* None of them goes by itself. */
		for (int n = 0; n < 300; n++) {
			pid_t child = fork();
			if (child < 0)
				break;
			if (child == 0) {
				setsid();
				for (;;)
					pause();
			}
		}
		for (;;)
			pause();
	}
	return 3;
}
