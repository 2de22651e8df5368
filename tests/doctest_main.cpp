// The entry point of every test binary. SYNCLOG_TEST_FILTER=text runs only the cases with that text in their
// name, as tools/test --filter does; doctest's own options work too.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const char* text = std::getenv("SYNCLOG_TEST_FILTER");
  if (text != nullptr && *text != '\0') {
    context.addFilter("test-case", ("*" + std::string(text) + "*").c_str());
  }
  return context.run();
}
