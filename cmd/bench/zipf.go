package main

import "math"

// cumulative gives the running sums of 1/rank^zipfExponent.
func cumulative(n int) (sums []float64, total float64) {
	sums = make([]float64, n)
	for i := range sums {
		total += math.Pow(float64(i+1), -zipfExponent)
		sums[i] = total
	}
	return sums, total
}
