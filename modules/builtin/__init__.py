"""Features that come with the program, each written as an extension would be: against `modules.hooks` alone."""
