// pgx: a goroutine for each statement in flight, over pgxpool, as its manual shows. What it is asked and what it prints
// is said in ../../outside.h.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func open(connections int) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(connections)
	config.MinConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	return pool
}

func ask(pool *pgxpool.Pool, kind string, random *rand.Rand) {
	var value int
	var err error
	if kind == "point" {
		row := pool.QueryRow(context.Background(), "SELECT balance FROM accounts WHERE id = $1", 1+random.Intn(100000))
		err = row.Scan(&value)
	} else {
		err = pool.QueryRow(context.Background(), "SELECT 1").Scan(&value)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func round(pool *pgxpool.Pool, kind string, inFlight int, length time.Duration) {
	var all []time.Duration
	var lock sync.Mutex
	var group sync.WaitGroup

	start := time.Now()
	for i := 0; i < inFlight; i++ {
		group.Add(1)
		go func(seed int64) {
			var own []time.Duration
			random := rand.New(rand.NewSource(seed))
			for begun := time.Now(); ; {
				ask(pool, kind, random)
				now := time.Now()
				own = append(own, now.Sub(begun))
				begun = now
				if now.Sub(start) >= length {
					break
				}
			}
			lock.Lock()
			all = append(all, own...)
			lock.Unlock()
			group.Done()
		}(int64(i))
	}
	group.Wait()
	took := time.Since(start)
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	fmt.Println(len(all), took.Seconds(), us(all, 0.5), us(all, 0.99))
}

func us(sorted []time.Duration, part float64) float64 {
	return float64(sorted[int(part*float64(len(sorted)-1))].Nanoseconds()) / 1000
}

func main() {
	kind, connections, inFlight := os.Args[1], number(os.Args[2]), number(os.Args[3])
	pool := open(connections)
	round := func(ms int) { round(pool, kind, inFlight, time.Duration(ms)*time.Millisecond) }
	input := bufio.NewScanner(os.Stdin)

	ask(pool, kind, rand.New(rand.NewSource(1)))
	fmt.Println("ready")
	for input.Scan() {
		round(number(input.Text()))
	}
}
