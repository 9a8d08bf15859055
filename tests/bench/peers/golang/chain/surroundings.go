package chain

import (
	"fmt"
	"os"
)

// Surroundings tell where Kafka and the service's database are, as the benchmark gives them.
type Surroundings struct {
	Service, Bootstrap, Database, Suffix string
}

// Here reads the surroundings of this process: `<program> credit|stock`, and the variables of the benchmark.
func Here() Surroundings {
	return Surroundings{os.Args[1], os.Getenv("LUTONG_KAFKA_BOOTSTRAP"), os.Getenv("LUTONG_DATABASE_URL"), os.Getenv("BENCH")}
}

// Topic is a topic of this run, by its short name.
func (here Surroundings) Topic(name string) string {
	return fmt.Sprintf("lutong.bench.%s-%s", name, here.Suffix)
}
