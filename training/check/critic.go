package check

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// RunCritic is Run for a file of critic data. Its report has no segments and no masks, and
// Datasets counts the records of each task. Of the options it heeds Places alone.
func RunCritic(ctx context.Context, r *training.Reader[training.CriticRecord], o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	report := newReport(o, NoRecord, Duplicate, OtherLabel, OtherGroup)
	labels := map[digest]labeled{}
	tasks := map[string]map[reflection.Group][]int32{} // the lines of the labels of each group
	err := eachRecord(ctx, r, report, func(record training.CriticRecord, line int) {
		task := short(record.Task)
		report.Datasets[task]++
		report.count(record.Output)
		label, _ := reflection.ParseToken(record.Output)
		key := digestOf(record.Task, record.Instruction, record.Input)
		switch first, ok := labels[key]; {
		case !ok:
			labels[key] = labeled{int32(line), label}
		case first.label == label:
			report.addFinding(Duplicate, Place{Line: line, Of: int(first.line)})
		default:
			report.addFinding(OtherLabel, Place{Line: line, Of: int(first.line), Reason: fmt.Sprintf("%v, there %v", label, first.label)})
		}
		if tasks[task] == nil {
			tasks[task] = map[reflection.Group][]int32{}
		}
		tasks[task][label.Group()] = append(tasks[task][label.Group()], int32(line))
	})
	if err != nil {
		return nil, err
	}
	otherGroups(tasks, report)
	report.share()
	return report, nil
}

// labeled is the first record of some texts.
type labeled struct {
	line  int32
	label reflection.Token
}

// otherGroups reports the labels that are not of the group of most labels of their task.
func otherGroups(tasks map[string]map[reflection.Group][]int32, report *Report) {
	var found []Place
	for _, groups := range tasks {
		usual := slices.MaxFunc(slices.Sorted(maps.Keys(groups)), func(a, b reflection.Group) int {
			return cmp.Compare(len(groups[a]), len(groups[b]))
		})
		for g, lines := range groups {
			if g == usual {
				continue
			}
			for _, line := range lines {
				found = append(found, Place{Line: int(line), Reason: fmt.Sprintf("a label of %v, and most of the task are of %v", g, usual)})
			}
		}
	}
	slices.SortFunc(found, func(a, b Place) int { return cmp.Compare(a.Line, b.Line) })
	for _, p := range found {
		report.addFinding(OtherGroup, p)
	}
}
