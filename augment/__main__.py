from augment.cli import main

main(prog_name="augment")
