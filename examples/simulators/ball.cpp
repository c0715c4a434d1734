// Throws a ball from a height with a speed. Rows of theta come in, with their names in the first line; for
// each of them one line of x goes out: where the ball lands and when, both measured with noise.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>
#include <string>

int main() {
  std::mt19937_64 random(std::strtoull(std::getenv("FLUXSBI_SEED"), nullptr, 10));
  std::normal_distribution<double> noise;
  std::cout.precision(9);
  std::string line;
  std::getline(std::cin, line);  // the names: height,speed
  while (std::getline(std::cin, line)) {
    std::istringstream row(line);
    double height = 0, speed = 0;
    char comma = 0;
    if (!(row >> height >> comma >> speed)) return 1;
    const double time = std::sqrt(2 * height / 9.81);
    const double distance = speed * time + 0.1 * noise(random);
    std::cout << distance << ',' << time + 0.01 * noise(random) << '\n';
  }
}
