// The command line: one subcommand a file.
int main() { return 2; }
