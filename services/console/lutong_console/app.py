"""Where the image of the command line begins, as the images of all services do: `python -m lutong_<service>.app`."""

from lutong_console.cli.entry import main

if __name__ == "__main__":
    main()
